"""What `model.weights` names is found without reading any weights."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from tiny import tiny

from simsiam_core.config import Config, ConfigError
from simsiam_core.model.checkpoint import RECIPE, recipe
from simsiam_core.runs import RunDirectory, RunStore
from simsiam_core.runs.weights import check_weights, weights_file

GREY = ((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


@pytest.fixture
def run(store: RunStore) -> RunDirectory:
    """A run with a checkpoint that can be read, as far as its header goes, and one that cannot."""
    run = store.create(tiny())
    content = {RECIPE: recipe(tiny(), *GREY, (), 1), "global_step": 4}
    torch.save(content, run.checkpoints_dir / "epoch=0001.ckpt")
    (run.checkpoints_dir / "last.ckpt").write_bytes(b"damaged")
    return run


def start_from(weights: str, **model: object) -> Config:
    return tiny(model={"weights": weights, **model})


def test_a_run_is_named_by_its_id_the_start_of_it_or_a_path(
    run: RunDirectory, store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(store.path)
    for name in (run.id, run.id[:-2], str(run.path), f"./{run.id}", f"../runs/{run.id}"):
        config = start_from(f" {name}:epoch=0001 ")
        path, said, header = weights_file(config, store)
        assert (path, said) == (run.checkpoints_dir / "epoch=0001.ckpt", f"epoch=0001 of run {run.id}")
        assert header is not None
        check_weights(config, store)


def test_a_file_is_found_from_another_folder(
    store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    odd = os.fsdecode(b"caf\xe9:last.pth")  # looks like a run's checkpoint, and its name is no UTF-8
    Path(odd).write_bytes(b"weights")
    config = start_from("sub/../" + odd)
    monkeypatch.chdir("/")
    assert weights_file(config, store)[0] == tmp_path / odd
    for nothing in ("", "pretrained"):
        check_weights(start_from(nothing, backbone="timm:resnet18"), store)


@pytest.mark.parametrize(
    ("weights", "model", "words"),
    [
        ("nothing.pth", {}, "There is no file {cwd}/nothing.pth; give a file of weights, a run's checkpoint such as"),
        (".", {}, "{cwd} is a folder; give the file of weights in it."),
        ("{run.path}", {}, "{run.path} is a run; write {run.path}:last for its newest checkpoint."),
        ("2099:last", {}, "There is no run '2099' in {store.path}"),
        ("{run.id}:epoch=0007", {}, "has no checkpoint 'epoch=0007'; there are: epoch=0001, last."),
        ("{run.id}:last", {}, "Checkpoint last of run {run.id} cannot be read; choose another one."),
        ("pretrained", {}, "Published weights are those of timm's networks, and Backbone is resnet10;"),
        ("{run.id}:epoch=0001", {"backbone": "timm:resnet18"},
         "and this run timm:resnet18; set Backbone to resnet10 (--backbone resnet10)."),
        ("{run.id}:epoch=0001", {"width": 16}, "has the backbone resnet10 with stem stride2 and width 8, and this run "
         "resnet10 with stem stride2 and width 16; set Width to 8 (--width 8)."),
    ],
)  # fmt: skip
def test_what_cannot_be_started_from_is_said_in_one_sentence(
    run: RunDirectory, store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    weights: str, model: dict, words: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        check_weights(start_from(weights.format(run=run), **model), store)
    (problem,) = caught.value.problems
    assert problem.path == "model.weights"
    assert words.format(run=run, store=store, cwd=tmp_path) in problem.message
