from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tiny import tiny

from simsiam_core.features.folder_split import folder_split
from simsiam_core.runs import RunDirectory, RunStore
from simsiam_core.ui.components import checkpoint_picker


@pytest.fixture
def runs(store: RunStore) -> dict[str, RunDirectory]:
    configs = {
        "mine": tiny(name="mine"),
        "same images": tiny(name="same images", training={"epochs": 5}),
        "larger": tiny(name="larger", data={"image_size": 32, "stored_size": 32}),
        "fewer": tiny(name="fewer", data={"train_limit": 40}),
        "no checkpoint": tiny(name="no checkpoint"),
    }
    made = {name: store.create(config) for name, config in configs.items()}
    for name in ("epoch=0001", "epoch=0003", "last"):
        for run in list(made.values())[:-1]:
            (run.checkpoints_dir / f"{name}.ckpt").touch()
    return made


def offered(runs: dict[str, RunDirectory], store: RunStore, images: str) -> list[str]:
    context: Any = SimpleNamespace(store=store)
    return [reference for _, reference in checkpoint_picker.others(context, runs["mine"], images)]


def test_only_networks_of_the_same_images_are_offered(runs: dict[str, RunDirectory], store: RunStore) -> None:
    """Runs on other data were offered, and refused after nine seconds of encoding."""
    found = offered(runs, store, "train")
    assert found[:2] == [f"{runs['mine'].id}|epoch=0001", f"{runs['mine'].id}|epoch=0003"]
    assert sorted(found[2:]) == sorted(f"{runs[name].id}|epoch=0003" for name in ("same images", "larger"))


def test_any_network_can_be_shown_a_folder(
    runs: dict[str, RunDirectory], store: RunStore, tmp_path: Path
) -> None:
    found = offered(runs, store, folder_split(str(tmp_path)))
    assert f"{runs['fewer'].id}|epoch=0003" in found
    assert not any(runs["no checkpoint"].id in reference for reference in found)
