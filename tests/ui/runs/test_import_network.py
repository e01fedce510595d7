"""Importing from the page: no path is taken from a browser, and numbers are read as people write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from simsiam_core.config import ConfigError
from simsiam_core.runs import RunStore
from simsiam_core.ui.context import Context
from simsiam_core.ui.runs.import_network import ImportPanel, wishes


class _NoWorker:
    """Stands for the worker's process: nothing here may reach it."""

    def submit(self, *_: Any) -> None:
        raise AssertionError("a file outside of the list was handed on")


@pytest.fixture
def panel(store: RunStore, tmp_path: Path) -> ImportPanel:
    root = tmp_path / "root"
    (root / "deep").mkdir(parents=True)
    for name in ("a.pth", "deep/b.safetensors", "notes.txt"):
        (root / name).touch()
    (tmp_path / "secret.pth").touch()
    (root / "link.pth").symlink_to(tmp_path / "secret.pth")
    context = Context(store, _NoWorker(), bank_root=root)  # type: ignore[arg-type]
    context._more["simsiam_core.features.loaded"] = _NoWorker()  # type: ignore[assignment]
    with gr.Blocks():
        return ImportPanel(context)


def test_only_listed_files_can_be_chosen(panel: ImportPanel, tmp_path: Path) -> None:
    assert panel._offered()["choices"] == ["a.pth", "deep/b.safetensors"]
    for name in ("link.pth", "../secret.pth", str(tmp_path / "secret.pth"), "notes.txt"):
        (update,) = panel._choose([name])
        assert "Give the file of a network first." in update[panel._wait.trouble]


def test_a_page_that_only_looks_imports_nothing(panel: ImportPanel, store: RunStore) -> None:
    page: Any = None  # nothing is chosen where nothing is made
    (update,) = panel._bring(page, ["a.pth"], "", None, None, "", "", "", False)
    assert "only looks" in update[panel._wait.trouble]
    assert not store.runs()


def test_what_is_said_otherwise_is_read() -> None:
    said = wishes("resnet18, stem stride2", 64, "0.5", "0.2, 0.3;0.4", " student ", True)
    assert said == {
        "backbone": "resnet18",
        "stem": "stride2",
        "image_size": 64,
        "mean": (0.5, 0.5, 0.5),
        "std": (0.2, 0.3, 0.4),
        "network": "student",
        "by_order": True,
    }
    assert not any(wishes(None, None, "", None, "", False).values())
    with pytest.raises(ConfigError, match="Mean is '1,2'; give three numbers"):
        wishes(None, None, "1,2", "", "", False)
