"""People copy the folder of a run, or touch its files; it must still go on from where it was."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
from tiny import tiny

from simsiam_core.cli.train import announce
from simsiam_core.jobs import resume
from simsiam_core.runs import RunDirectory, RunStore
from simsiam_core.runs.metrics import cut_path
from simsiam_core.training.callbacks import MetricsCallback
from simsiam_core.training.resume import newest
from simsiam_core.training.worker import train

PER_EPOCH = 4


class FailAt(pl.Callback):
    """Ends training after a step, all of it written, as a fault would: the last checkpoint is that of an epoch."""

    def __init__(self, step: int) -> None:
        self._step = step

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
        if trainer.global_step == self._step:
            (metrics,) = [c for c in trainer.callbacks if isinstance(c, MetricsCallback)]
            metrics.flush(trainer, pl_module)
            raise RuntimeError("gone")


def trained(run: RunDirectory, *callbacks: pl.Callback) -> RunDirectory:
    announce(run)
    train(run, callbacks)
    return run


def losses(run: RunDirectory) -> list[tuple[int, float]]:
    return [(line["step"], line["train/loss"]) for line in run.metrics() if "train/loss" in line]


CONFIG = tiny(checkpoints={"checkpoint_every": 1}, knn={"knn_every": 100})


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A run that nothing happened to."""
    return trained(RunStore(tmp_path_factory.mktemp("whole")).create(CONFIG))


@pytest.mark.parametrize("how", ["touched", "copied"])
def test_a_touched_or_copied_run_goes_on_from_its_newest_step(
    store: RunStore, whole: RunDirectory, tmp_path: Path, how: str
) -> None:
    """Kind: the newest checkpoint was told by file time, and later lines of the record were lost."""
    run = trained(store.create(CONFIG), FailAt(10))
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
    assert losses(run) == losses(whole)
    # Whatever was in the record is there still, or in the file of what was measured again.
    cut = cut_path(run.metrics_path).read_bytes().splitlines()
    assert {json.loads(line)["step"] for line in cut} == {9, 10}
    assert set(before) <= {*run.metrics_path.read_bytes().splitlines(), *cut}
