from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from tiny import tiny

from simsiam_core.cli.train import announce
from simsiam_core.config import ConfigError, TrainingConfig
from simsiam_core.model import load_encoder
from simsiam_core.runs import RunDirectory, RunStore
from simsiam_core.training.device import resolve_device
from simsiam_core.training.objective import Losses, Objective
from simsiam_core.training.worker import train


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """One small run, trained once for the tests that only look at what it left."""
    run = RunStore(tmp_path_factory.mktemp("finished")).create(tiny())
    announce(run)
    assert train(run) == 0
    return run


def test_status_has_the_last_word(finished: RunDirectory) -> None:
    status = finished.status()
    assert (status.state, status.exit_code, status.error) == ("finished", 0, None)
    assert status.step == status.total_steps == 12
    assert status.started is not None
    assert status.ended is not None
    assert status.started <= status.ended


def test_every_step_has_its_metrics(finished: RunDirectory) -> None:
    steps = [m for m in finished.metrics() if "train/loss" in m]
    assert [m["step"] for m in steps] == list(range(1, 13))
    assert all(-1 <= m["train/loss"] <= 1 and 0 <= m["representation/std"] <= 1.2 for m in steps)
    assert steps[3]["train/lr"] == pytest.approx(finished.config().lr)
    assert any("train/images_per_second" in m for m in steps)
    assert "representation/effective_rank" in steps[-1]


def test_epochs_are_counted_when_they_are_complete(finished: RunDirectory) -> None:
    """In the metrics of every kind and in the status alike: step 4 is the last of the first epoch."""
    assert all(m["epoch"] == m["step"] // 4 for m in finished.metrics())
    assert finished.status().epoch == 3


def test_knn_accuracy_is_measured_before_and_after_each_epoch(finished: RunDirectory) -> None:
    measured = [m for m in finished.metrics() if "val/knn_accuracy" in m]
    assert [(m["step"], m["epoch"]) for m in measured] == [(0, 0), (4, 1), (8, 2), (12, 3)]
    assert "val/knn_accuracy_raw_pixels" in measured[0]
    assert all(0 <= m["val/knn_accuracy"] <= 1 for m in measured)


def test_checkpoints_carry_what_rebuilds_them(finished: RunDirectory) -> None:
    assert [c.name for c in finished.checkpoints()] == ["epoch=0000", "epoch=0002", "epoch=0003", "last"]
    encoder = load_encoder(finished.checkpoint("last").path)
    assert encoder.config == finished.config()
    assert (encoder.epoch, encoder.step) == (3, 12)
    assert len(encoder.classes) == 10
    assert encoder.backbone(torch.zeros(2, 3, 16, 16)).shape == (2, encoder.dim)
    assert load_encoder(finished.checkpoint("epoch=0000").path).epoch == 0


def test_oldest_checkpoints_make_room_but_the_first_stays(store: RunStore) -> None:
    run = store.create(
        tiny(checkpoints={"checkpoint_every": 1, "checkpoints_kept": 2}, training={"epochs": 4})
    )
    announce(run)
    assert train(run) == 0
    assert [c.name for c in run.checkpoints()] == ["epoch=0000", "epoch=0003", "epoch=0004", "last"]


def test_images_without_labels_train_without_knn(
    store: RunStore, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from PIL import Image

    folder = tmp_path_factory.mktemp("flat")
    for i in range(24):
        Image.effect_noise((20, 20), 10 + 5 * i).convert("RGB").save(folder / f"{i}.png")
    data = {"source": "folder", "path": str(folder), "train_limit": None, "test_limit": None}
    run = store.create(tiny(data=data, training={"epochs": 1, "batch_size": 8}))
    announce(run)
    assert train(run) == 0
    assert not any("val/knn_accuracy" in m for m in run.metrics())
    assert run.status().state == "finished"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"training": {"batch_size": 81}}, ["Batch size", "81", "80"]),
        ({"knn": {"k": 81}}, ["k ", "81", "80"]),
        ({"training": {"device": "gpu"}}, ["no CUDA GPU"]),
    ],
)
def test_what_does_not_fit_the_data_fails_in_one_sentence(
    store: RunStore, changes: dict, words: list[str]
) -> None:
    run = store.create(tiny(**changes))
    announce(run)
    assert train(run) == 2
    status = run.status()
    assert status.state == "failed"
    assert status.error is not None
    assert "\n" not in status.error
    assert all(word in status.error for word in words), status.error


def test_a_loss_that_is_no_number_ends_the_run_with_its_step(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = store.create(tiny(optimiser={"base_lr": 10.0, "warmup_epochs": 0}, training={"epochs": 60}))
    announce(run)
    original, calls = Objective.losses, iter(range(10**6))

    def losses(*given: Any) -> Losses:
        found = original(*given)
        return replace(found, total=found.total * (math.nan if next(calls) == 5 else 1.0))

    monkeypatch.setattr(Objective, "losses", losses)
    assert train(run) == 1
    assert "became nan at step 6" in (run.status().error or "")


def test_precision_and_device_are_resolved() -> None:
    assert resolve_device(TrainingConfig(device="cpu")) == ("cpu", "32-true")
    assert resolve_device(TrainingConfig(device="cpu", precision="bf16-mixed")) == ("cpu", "bf16-mixed")
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="no CUDA GPU"):
            resolve_device(TrainingConfig(device="gpu"))
