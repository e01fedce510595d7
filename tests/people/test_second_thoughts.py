"""People change their minds: other rates in a fork, a longer run, a copy of the folder."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from tiny import tiny

from simsiam_core.cli.train import announce
from simsiam_core.config import Config, ConfigError
from simsiam_core.jobs import extend, fork, resume
from simsiam_core.runs import RunDirectory, RunStore
from simsiam_core.runs.metrics import cut_path
from simsiam_core.training.callbacks import MetricsCallback
from simsiam_core.training.resume import newest
from simsiam_core.training.schedule import lr_factor
from simsiam_core.training.worker import train

PER_EPOCH = 4
SGD = {"model": {"predictor_hidden": 8}, "checkpoints": {"checkpoint_every": 1}, "knn": {"knn_every": 100}}


class OptimiserRecord(pl.Callback):
    """The settings of each parameter group at each step, read from the optimiser itself."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, list[dict[str, Any]]]] = []

    def on_before_optimizer_step(self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer) -> None:
        names = ("name", "lr", "momentum", "weight_decay", "betas")
        groups = [{n: group[n] for n in names if n in group} for group in optimizer.param_groups]
        self.steps.append((trainer.global_step, groups))


class StopAt(pl.Callback):
    """Ends training after a step, as if the power had gone: the last checkpoint is that of an epoch."""

    def __init__(self, step: int) -> None:
        self._step = step

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        if trainer.global_step == self._step:
            (metrics,) = [c for c in trainer.callbacks if isinstance(c, MetricsCallback)]
            metrics.flush(trainer, pl_module)
            raise RuntimeError("gone")


class Poison(pl.Callback):
    """What too high a learning rate does, at a step of our choice."""

    def __init__(self, step: int) -> None:
        self._step = step

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        if trainer.global_step == self._step:
            with torch.no_grad():
                next(pl_module.parameters()).fill_(math.nan)


def trained(run: RunDirectory, *callbacks: pl.Callback) -> RunDirectory:
    announce(run)
    train(run, callbacks)
    return run


def expected(config: Config, step: int) -> list[dict[str, Any]]:
    """What the config says of the step that follows `step` steps."""
    settings = config.optimiser
    schedule = {
        "warmup_steps": settings.warmup_epochs * PER_EPOCH,
        "total_steps": config.training.epochs * PER_EPOCH,
        "restart_step": settings.restart_epoch * PER_EPOCH,
    }
    groups = []
    for part in ("encoder", "predictor"):
        constant = part == "predictor" and settings.predictor_lr == "constant"
        lr = config.lr * lr_factor(step, **schedule, decayed=not constant)
        vectors = settings.weight_decay if settings.decay_norm_and_bias else 0.0
        for name, decay in ((part, settings.weight_decay), (f"{part}, norms and biases", vectors)):
            own = {"momentum": settings.momentum} if settings.algorithm == "sgd" else {"betas": (0.9, 0.999)}
            groups.append({"name": name, "lr": lr, "weight_decay": decay, **own})
    return groups


def check(run: RunDirectory, record: OptimiserRecord, first: int) -> None:
    config = run.config()
    assert [step for step, _ in record.steps] == list(range(first, config.training.epochs * PER_EPOCH))
    for step, groups in record.steps:
        assert groups == expected(config, step), f"step {step}"


@pytest.fixture(scope="module")
def parents(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, RunDirectory]:
    """A finished run under each algorithm."""
    store = RunStore(tmp_path_factory.mktemp("parents"))
    adamw = {"optimiser": {"algorithm": "adamw", "base_lr": 0.01}}
    return {
        name: trained(store.create(tiny(**SGD, **more))) for name, more in (("sgd", {}), ("adamw", adamw))
    }


@pytest.mark.parametrize(
    ("algorithm", "changes"),
    [
        ("sgd", {}),
        ("sgd", {"base_lr": 0.05, "weight_decay": 1e-3, "momentum": 0.5}),
        ("sgd", {"base_lr": 1.0, "predictor_lr": "constant", "decay_norm_and_bias": False}),
        ("sgd", {"warmup_epochs": 0, "momentum": 0.0}),
        ("adamw", {"base_lr": 0.002, "weight_decay": 0.1}),
    ],
)
def test_a_fork_trains_with_the_settings_it_was_given(
    store: RunStore, parents: Mapping[str, RunDirectory], algorithm: str, changes: dict[str, Any]
) -> None:
    """A fork asked for a lower learning rate, weight decay or momentum went on with those of its checkpoint."""
    run = fork(store, parents[algorithm], "epoch=0001", {"optimiser": changes})
    record = OptimiserRecord()
    trained(run, record)
    assert run.status().state == "finished"
    check(run, record, first=PER_EPOCH)
    rates = [line["train/lr"] for line in run.metrics() if "train/lr" in line and line["step"] > PER_EPOCH]
    assert rates == [groups[0]["lr"] for _, groups in record.steps], "the record tells another rate"


@pytest.mark.parametrize("schedule", ["longer", "restart"])
def test_a_run_that_is_extended_follows_its_new_schedule(
    store: RunStore, parents: Mapping[str, RunDirectory], schedule: Any
) -> None:
    """Train longer: every step's rate is that of the schedule that was chosen."""
    run = RunDirectory(Path(shutil.copytree(parents["sgd"].path, store.path / parents["sgd"].id)))
    extend(run, 5, schedule)
    record = OptimiserRecord()
    trained(RunDirectory(run.path), record)
    check(RunDirectory(run.path), record, first=3 * PER_EPOCH)


def test_a_run_that_failed_goes_on_with_what_its_config_says(store: RunStore) -> None:
    """Resume after a fault in mid-epoch."""
    run = trained(store.create(tiny(**SGD)), StopAt(6))
    assert run.status().state == "failed"
    resume(run)
    record = OptimiserRecord()
    trained(run, record)
    check(run, record, first=PER_EPOCH)


def test_a_run_that_became_nan_is_saved_by_a_fork_with_a_lower_rate(store: RunStore) -> None:
    """The advice that the page gives for a loss that is no number has to work."""
    run = trained(store.create(tiny(**SGD)), Poison(10))
    assert run.status().state == "failed"
    assert "lower the learning rate" in (run.status().error or "")
    found = newest(run)
    assert found is not None
    gentle = {"optimiser": {"base_lr": 0.01, "weight_decay": 1e-4}}
    saved = fork(store, run, found.name, gentle)
    record = OptimiserRecord()
    trained(saved, record)
    assert saved.status().state == "finished"
    check(saved, record, first=found.step)


def test_a_fork_that_needs_another_network_is_refused(
    store: RunStore, parents: Mapping[str, RunDirectory]
) -> None:
    """Switching the rotation task on in a fork made a network that its checkpoint did not fit."""
    with pytest.raises(ConfigError, match="rotation"):
        fork(store, parents["sgd"], "last", {"objective": {"rotation_weight": 0.4}})


def losses(run: RunDirectory) -> list[tuple[int, float]]:
    return [(line["step"], line["train/loss"]) for line in run.metrics() if "train/loss" in line]


@pytest.mark.parametrize("how", ["touched", "copied"])
def test_a_touched_or_copied_run_goes_on_from_its_newest_step(
    store: RunStore, parents: Mapping[str, RunDirectory], tmp_path: Path, how: str
) -> None:
    """The newest checkpoint was told by file time: a touched or copied run went on from an old one."""
    run = trained(store.create(tiny(**SGD)), StopAt(10))
    if how == "copied":
        shutil.copytree(run.path, tmp_path / run.id)  # new times, in no order that means anything
        run = RunDirectory(tmp_path / run.id)
    old = run.checkpoint("epoch=0000").path
    later = max(c.path.stat().st_mtime_ns for c in run.checkpoints()) + 10**9
    os.utime(old, ns=(later, later))
    found = newest(run)
    assert found is not None
    assert found.step == 2 * PER_EPOCH
    before = run.metrics_path.read_bytes().splitlines()
    resume(run)
    trained(run)
    assert run.status().state == "finished"
    assert losses(run) == losses(parents["sgd"])
    # Whatever was in the record is there still, or in the file of what was measured again.
    cut = cut_path(run.metrics_path).read_bytes().splitlines()
    assert {json.loads(line)["step"] for line in cut} == {9, 10}
    assert set(before) <= {*run.metrics_path.read_bytes().splitlines(), *cut}
