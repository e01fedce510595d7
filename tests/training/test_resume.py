"""A resumed run is the very same run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from pausing import curve, trained
from PIL import Image
from tiny import tiny

from simsiam_core.cli.train import announce
from simsiam_core.config import Config
from simsiam_core.model.checkpoint import read_checkpoint
from simsiam_core.runs import RunDirectory, RunStore
from simsiam_core.training.resume import newest
from simsiam_core.training.worker import train

CONFIG = tiny(
    model={"predictor_hidden": 8}, optimiser={"predictor_lr": "constant"}, checkpoints={"checkpoint_every": 1}
)
STEPS = 12


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    return trained(RunStore(tmp_path_factory.mktemp("whole")).create(CONFIG))


@pytest.mark.parametrize("step", [1, 3, 4, 5, 11], ids=lambda s: f"paused at step {s}")
def test_a_resumed_run_repeats_the_uninterrupted_one_to_the_last_bit(
    store: RunStore, whole: RunDirectory, step: int
) -> None:
    run = trained(store.create(CONFIG), pause_at=step)
    assert (run.status().state, run.status().step) == ("paused", step)
    assert run.metrics()[-1]["step"] == step
    trained(run)
    assert run.status().state == "finished"
    assert curve(run) == curve(whole)
    ours, theirs = (read_checkpoint(r.checkpoint("last").path)["state_dict"] for r in (run, whole))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_target_network_is_resumed_with_the_run(store: RunStore) -> None:
    """Paused within an epoch: the target has moved with every step before, and moves on by the step's momentum."""
    config = tiny(objective={"method": "byol", "target_momentum": 0.5})
    whole, run = trained(store.create(config)), trained(store.create(config), pause_at=5)
    assert curve(trained(run)) == curve(whole)
    ours, theirs = (read_checkpoint(r.checkpoint("last").path)["state_dict"] for r in (run, whole))
    assert any(name.startswith("network.target.backbone.") for name in theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_run_may_be_paused_again_and_again(store: RunStore, whole: RunDirectory) -> None:
    run = store.create(CONFIG)
    for step in (2, 4, 7):
        trained(run, pause_at=step)
        assert run.status().step == step
    assert curve(trained(run)) == curve(whole)


def test_crops_of_larger_images_and_small_views_are_the_same_after_a_pause(
    store: RunStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(24):
        path = tmp_path / "p" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (20 + number, 40, 3), np.uint8)
        Image.fromarray(pixels).save(path)
    config = tiny(
        data={"source": "folder", "path": str(tmp_path / "p"), "train_limit": None, "test_limit": None},
        objective={"local_views": 1, "local_size": 8},
        augmentation={"rotation_degrees": 20.0, "erase_probability": 0.5},
        training={"batch_size": 10},
    )
    whole, run = trained(store.create(config)), trained(store.create(config), pause_at=3)
    assert "Crops are cut from larger images: 22 at 40 px" in capsys.readouterr().out
    assert curve(trained(run)) == curve(whole)


def test_metrics_after_the_checkpoint_are_measured_again_and_not_kept_twice(
    store: RunStore, whole: RunDirectory
) -> None:
    run = trained(store.create(CONFIG), pause_at=9)
    last = run.checkpoint("last").path
    last.unlink()  # as if killed before it was written: epoch 2, step 8, is the newest
    with run.metrics_path.open("a") as file:
        file.write('{"step":10,"epoch":2,"train/lo')
    assert curve(trained(run)) == curve(whole)


def test_a_damaged_checkpoint_is_passed_over(store: RunStore, whole: RunDirectory) -> None:
    run = trained(store.create(CONFIG), pause_at=6)
    last = run.checkpoint("last").path
    last.write_bytes(last.read_bytes()[:-1000])
    (run.checkpoints_dir / ".epoch=0002.ckpt.xyz.part").write_bytes(b"half")
    found = newest(run)
    assert found is not None
    assert (found.name, found.step) == ("epoch=0001", 4)
    assert curve(trained(run)) == curve(whole)
    assert not list(run.checkpoints_dir.glob(".*"))


def test_the_safety_copy_is_written_by_the_clock(store: RunStore, whole: RunDirectory) -> None:
    run = store.create(
        Config.model_validate(_with(CONFIG, checkpoints={"checkpoint_every": 100, "last_every": 1e-9}))
    )
    steps = []

    class Look(pl.Callback):
        def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:
            steps.append(read_checkpoint(run.checkpoint("last").path)["global_step"])

    announce(run)
    assert train(run, (Look(),)) == 0
    assert steps == list(range(STEPS))
    assert [line["train/loss"] for line in run.metrics() if "train/loss" in line] == [
        line["train/loss"] for line in whole.metrics() if "train/loss" in line
    ]


@pytest.mark.parametrize("restart", [0, 3], ids=["one longer cosine", "the cosine starts again"])
def test_training_longer_follows_the_schedule_that_was_chosen(store: RunStore, restart: int) -> None:
    run = trained(store.create(CONFIG))
    longer = _with(CONFIG, training={"epochs": 5}, optimiser={"restart_epoch": restart})
    run.write_config(Config.model_validate(longer))
    run = RunDirectory(run.path)
    trained(run)
    assert run.status().step == 20
    rates = [line["train/lr"] for line in run.metrics() if "train/lr" in line]
    assert len(rates) == 20
    if restart:
        assert rates[12] == pytest.approx(CONFIG.lr)
    else:
        uninterrupted = trained(store.create(Config.model_validate(longer)))
        expected = [line["train/lr"] for line in uninterrupted.metrics() if "train/lr" in line]
        assert rates[12:] == expected[12:]


def _with(config: Config, **sections: dict) -> dict:
    values = config.model_dump()
    for name, changes in sections.items():
        values[name].update(changes)
    return values
