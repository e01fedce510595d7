"""What the page hands out of a network: code that runs as it stands, and a file in the format asked for."""

from __future__ import annotations

import io
import shlex
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest
from PIL import Image
from tiny import tiny

from simsiam_core.cli import build_parser
from simsiam_core.config import read_yaml
from simsiam_core.features.worker import InspectionWorker
from simsiam_core.runs import BUNDLED, Notes, RunDirectory, RunStore
from simsiam_core.training.worker import train
from simsiam_core.ui.components.progress import waiting
from simsiam_core.ui.components.use_network import NONE_CHOSEN, UseNetwork, blocks, formats
from simsiam_core.ui.context import Context


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    run = RunStore(tmp_path_factory.mktemp("use") / "runs").create(tiny())
    assert train(run) == 0
    return run


@pytest.fixture(scope="module")
def panel(run: RunDirectory) -> Iterator[UseNetwork]:
    with InspectionWorker() as worker:
        context = Context(RunStore(run.path.parent), worker)
        context._more = {"simsiam_core.features.loaded": worker}  # one process is enough
        with gr.Blocks():
            yield UseNetwork(context, waiting("use"))


def texts(run: RunDirectory) -> dict[str, str]:
    return {block["title"]: block["text"] for block in blocks(run, "epoch=0002")}


def test_the_python_lines_run(run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.jpg", "b.jpg"):
        Image.linear_gradient("L").convert("RGB").save(name)
    code = texts(run)["In Python"]
    assert len([line for line in code.splitlines() if line]) == 5
    said = io.StringIO()
    with redirect_stdout(said):
        exec(code, world := {})
    assert world["features"].shape == (2, 64) and world["run"].checkpoint == "epoch=0002"
    assert len(said.getvalue().splitlines()) == 5


def test_command_config_and_papers_are_those_of_the_run(run: RunDirectory, tmp_path: Path) -> None:
    found = texts(run)
    build_parser().parse_args(shlex.split(found["Repeat the training"])[3:])
    assert "--model.width=8" in found["Repeat the training"]
    (tmp_path / "config.yaml").write_text(found["Config"])
    assert read_yaml(tmp_path / "config.yaml") == run.config().model_dump(mode="json")
    assert "Exploring Simple Siamese" in found["Cite"]


def test_what_the_settings_do_not_repeat_is_said(store: RunStore) -> None:
    fork = store.create(tiny(), notes=Notes(forked_from="20260101-000000-first-0000 epoch=0003"))
    (_, repeat, *_) = blocks(fork, "last")
    assert "went on from 20260101-000000-first-0000 epoch=0003" in repeat["note"]


def test_the_bundled_network_names_what_it_learned_from(store: RunStore) -> None:
    made = store.create(tiny(), notes=Notes(tags=("trained on cifar10",)))
    bundled = RunDirectory(made.path.rename(store.path / BUNDLED))
    found = {block["title"]: block["text"] for block in blocks(bundled, "epoch=0024")}
    assert "--data.source=cifar10" in found["Repeat the training"] and "source: cifar10" in found["Config"]


def test_a_file_is_made_and_another_network_takes_it_back(
    panel: UseNetwork, run: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    chosen = SimpleNamespace(run=run.id, checkpoint="epoch=0002")
    *_, (file, usage, row, *_) = panel.make(chosen, "safetensors")
    made = Path(file["value"])
    assert made.is_file() and made.is_relative_to(tmp_path) and not row["visible"]
    assert file["visible"] and made.name in file["label"]
    assert "safetensors.torch.load_file" in usage[0]["text"]
    shown, usage, file = panel.show(SimpleNamespace(run=run.id, checkpoint="last"))
    assert "checkpoint='last'" in shown[0]["text"] and usage == [] and not file["visible"]


def test_what_cannot_be_made_is_a_sentence(panel: UseNetwork, run: RunDirectory) -> None:
    chosen = SimpleNamespace(run=run.id, checkpoint="last")
    assert NONE_CHOSEN in str(list(panel.make(None, "onnx")))
    assert "has no network that equals" in str(list(panel.make(chosen, "timm"))[-1])
    assert "no format" in str(list(panel.make(chosen, "../../x"))[-1])
    assert "There is no run" in str(panel.show(SimpleNamespace(run="gone", checkpoint="last"))[0])
    assert "bundle" not in [name for _, name in formats()]
