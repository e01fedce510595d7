"""Training from trained weights: they are copied once, and a run never depends on where they came from."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import yaml
from pausing import curve, trained
from timm.models import register_model
from tiny import tiny

from simsiam_core.cli import main
from simsiam_core.config import Config, merge
from simsiam_core.jobs import fork
from simsiam_core.model.checkpoint import RECIPE, load_encoder, read_checkpoint
from simsiam_core.runs import RunDirectory, RunStore
from simsiam_core.runs.weights import weights_source


@register_model
def dropping_mobilenet(**given: Any) -> torch.nn.Module:
    """A small network with batch norms and stochastic depth; timm's of that size have no stochastic depth."""
    return timm.create_model("mobilenetv3_small_050", **{**given, "drop_path_rate": 0.5})


def config(weights: str = "", **sections: dict) -> Config:
    """Three steps an epoch of a network of a quarter of a million weights."""
    mine = {
        "data": {"image_size": 32, "train_limit": 24},
        "model": {"backbone": "timm:dropping_mobilenet", "weights": weights},
        "training": {"batch_size": 8, "epochs": 2},
        "optimiser": {"base_lr": 0.02},
        "checkpoints": {"checkpoint_every": 1},
    }
    return tiny(**merge(mine, sections))


def weights_of(run: RunDirectory, checkpoint: str) -> dict[str, torch.Tensor]:
    return dict(read_checkpoint(run.checkpoint(checkpoint).path)["state_dict"])


def equal(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor], prefix: str = "") -> bool:
    return all(torch.equal(ours[name], theirs[name]) for name in theirs if name.startswith(prefix))


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """Trained on images of another mean than those of the other runs."""
    other = {"data": {"train_limit": 16}, "training": {"epochs": 1}, "optimiser": {"warmup_epochs": 0}}
    return trained(RunStore(tmp_path_factory.mktemp("first")).create(config(**other)))


def test_weights_that_do_not_fit_leave_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"conv1.weight": torch.ones(1)}, "other.pth")
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(config("other.pth").model_dump(mode="json")))
    assert main(["train", "--config", "settings.yaml"]) == 2
    assert "does not fit" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("algorithm", ["sgd", "adamw"])
def test_a_run_resumed_across_an_unfreeze_is_the_uninterrupted_one_to_the_last_bit(
    first: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, algorithm: str
) -> None:
    """Through the command, from a run by a relative path; the run that the weights came from is gone by then."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(first.path, "elsewhere/a-run")
    settings = {
        "training": {"frozen_stages": 2, "frozen_epochs": 1},
        "optimiser": {"algorithm": algorithm, "layer_decay": 0.7},
    }
    store = RunStore(tmp_path / "runs")
    paused = trained(store.create(config("elsewhere/a-run:epoch=0001", **settings)), pause_at=2)
    (tmp_path / "settings.yaml").write_text((paused.path / "config.yaml").read_text())
    assert main(["train", "--config", "settings.yaml", "--weights", "elsewhere/a-run:epoch=0001"]) == 0
    (whole,) = [run for run in store.runs() if run.id != paused.id]
    shutil.rmtree("elsewhere")
    moved = RunDirectory(Path(shutil.move(paused.path, tmp_path / "runs" / f"{paused.id[:-4]}beef")))
    moved.update_status(state="queued")
    assert main(["train", "--run", str(moved.path)]) == 0
    assert moved.status().state == "finished"
    assert curve(moved) == curve(whole)
    assert equal(weights_of(moved, "last"), weights_of(whole, "last"))
    began, once, end = (weights_of(whole, name) for name in ("epoch=0000", "epoch=0001", "last"))
    assert equal(began, weights_of(first, "last"), "network.backbone.")
    fixed, moving = (
        "network.backbone.conv_stem.weight",
        "network.backbone.conv_head.weight",
    )
    assert torch.equal(once[fixed], began[fixed])
    assert not torch.equal(end[fixed], began[fixed])
    assert not torch.equal(once[moving], began[moving])


def test_the_first_figure_is_that_of_the_weights_and_so_is_the_normalisation(
    first: RunDirectory, store: RunStore
) -> None:
    run = trained(
        store.create(config(f"{first.path}:last", training={"frozen_stages": 99, "frozen_epochs": 9}))
    )
    ours, theirs = (load_encoder(r.checkpoint("last").path) for r in (run, first))
    assert (ours.mean, ours.std) == (theirs.mean, theirs.std)
    assert equal(dict(ours.backbone.state_dict()), dict(theirs.backbone.state_dict()))
    accuracies = [line["val/knn_accuracy"] for line in run.metrics() if "val/knn_accuracy" in line]
    assert len(set(accuracies)) == 1  # nothing of what it measures has changed
    source = weights_source(run)
    assert source is not None
    assert source["from"] == f"last of run {first.id}"
    assert len(source["sha256"]) == 64
    copy = fork(store, run, "epoch=0001", {"training": {"frozen_stages": 0}})
    trained(copy)
    assert weights_source(copy) == source
    assert not equal(weights_of(copy, "last"), weights_of(first, "last"), "network.backbone.")
    assert read_checkpoint(copy.checkpoint("last").path)[RECIPE]["mean"] == list(theirs.mean)


def test_batch_norms_of_trained_weights_keep_their_statistics(first: RunDirectory, store: RunStore) -> None:
    """Throughout, kNN checks between, also of stages that were frozen at first; their weights train."""
    kept = {"frozen_batch_norm": True, "frozen_stages": 2, "frozen_epochs": 1}
    run = trained(store.create(config(f"{first.path}:last", training=kept)))
    before, after = weights_of(first, "last"), weights_of(run, "last")
    own = [name for name in after if name.startswith("network.backbone.")]
    statistics = [name for name in own if name.rpartition(".")[2] in ("running_mean", "running_var")]
    assert statistics
    assert all(torch.equal(before[name], after[name]) for name in statistics)
    others = set(own) - set(statistics) - {n for n in own if n.endswith("num_batches_tracked")}
    assert not any(torch.equal(before[name], after[name]) for name in others)
