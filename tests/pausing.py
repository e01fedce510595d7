"""Runs in the test's own process that are paused at a step, and what was measured of them."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl

from simsiam_core.cli.train import announce
from simsiam_core.jobs.stop_request import StopRequest
from simsiam_core.runs import RunDirectory
from simsiam_core.training.worker import train


class AskAt(pl.Callback):
    """Has the run asked for something at a step, as a signal would."""

    def __init__(self, request: StopRequest, step: int, state: Any = "paused") -> None:
        self._request, self._step, self._state = request, step, state

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        if trainer.global_step == self._step:
            self._request.state = self._state


def trained(run: RunDirectory, pause_at: int | None = None) -> RunDirectory:
    announce(run)
    request = StopRequest()
    assert train(run, () if pause_at is None else (AskAt(request, pause_at),), request) == 0
    return run


def curve(run: RunDirectory) -> list[tuple[Any, ...]]:
    """Everything measured that depends on neither the clock nor the machine, in the order of the file."""
    names = (
        "step",
        "epoch",
        "train/loss",
        "train/lr",
        "train/lr_predictor",
        "representation/std",
        "val/knn_accuracy",
    )
    lines = [tuple(line.get(name) for name in names) for line in run.metrics()]
    return [line for line in lines if any(value is not None for value in line[2:])]  # not the machine's load
