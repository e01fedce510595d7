"""Checks half precision with loss scaling, for GPUs without bf16: trains, and keeps the scale over a pause."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytorch_lightning as pl

from simsiam_core.bench.accept.rows import NO_GPU, Place, Row, equal, skipped, within
from simsiam_core.bench.accept.training import STEPS, furthest, small
from simsiam_core.bench.train_to_end import quiet
from simsiam_core.jobs.stop_request import StopRequest
from simsiam_core.metrics.train_loss import TRAIN_LOSS
from simsiam_core.model.checkpoint import read_checkpoint
from simsiam_core.runs import RunDirectory
from simsiam_core.training.worker import train

PAUSED_AT = 6
LIMIT = 1e-3  # GPU reductions are not deterministic


def check(place: Place) -> Iterator[Row]:
    """Compare a paused and resumed run with an uninterrupted one; a CPU uses bf16, without a scale."""
    settings = {"training": {"precision": "16-mixed", "compile": "never"}}
    config = small(place, settings)
    whole, halves = place.store.create(config), place.store.create(config)
    codes = [_train(whole), _train(halves, PAUSED_AT)]
    paused, scales = halves.status().state, [_scale(halves)]
    codes.append(_train(halves))
    yield equal("exit codes", codes, [0, 0, 0], whole.status().error or halves.status().error or "")
    yield equal("state at the pause", paused, "paused")
    losses = _losses(whole)
    sound = len(losses) == STEPS and all(map(math.isfinite, losses))
    yield Row("losses are numbers", sound, f"{len(losses)} of {STEPS}")
    apart = furthest(losses, _losses(halves))
    note = "" if place.gpu else "bf16, as Lightning takes it on a CPU"
    yield within("losses of the resumed run, apart", apart, LIMIT, note)
    if not place.gpu:
        yield from skipped(["loss scale in the checkpoint"], NO_GPU)
        return
    scales += [_scale(halves), _scale(whole)]
    yield Row(
        "loss scale in the checkpoint",
        None not in scales and scales[1] == scales[2],
        str(scales),
        "the last two equal",
    )


def _train(run: RunDirectory, pause_at: int | None = None) -> int:
    request = StopRequest()
    asking = () if pause_at is None else (_PauseAt(request, pause_at),)
    with quiet():
        return train(run, asking, request)


def _losses(run: RunDirectory) -> list[float]:
    return [line[TRAIN_LOSS] for line in run.metrics() if TRAIN_LOSS in line]


def _scale(run: RunDirectory) -> float | None:
    """Return the loss scale stored in the last checkpoint."""
    return read_checkpoint(run.checkpoint().path).get("MixedPrecision", {}).get("scale")


class _PauseAt(pl.Callback):
    def __init__(self, request: StopRequest, step: int) -> None:
        self._request, self._step = request, step

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        if trainer.global_step == self._step:
            self._request.state = "paused"
