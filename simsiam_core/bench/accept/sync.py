"""One whole training step must wait for the GPU nowhere: else the GPU stands idle while Python catches up."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytorch_lightning as pl
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from simsiam_core.bench.accept.rows import Place, Row
from simsiam_core.bench.accept.training import ROTATING, fit, small
from simsiam_core.config import Config
from simsiam_core.data import augmentation
from simsiam_core.runs import MetricsWriter
from simsiam_core.training.batches import Batches
from simsiam_core.training.callbacks import MetricsCallback
from simsiam_core.training.status import StatusWriter

GUARDED = 5  # the step that is watched: in mid-epoch, past what only the first ones do
METHODS: dict[str, dict[str, Any]] = {
    "SimSiam": {},
    "FastSiam": {"objective": {"views": 4}},
    "E-SimSiam": ROTATING,
    "with blur": {"augmentation": {"blur_probability": 0.5}},
}


def check(place: Place) -> Iterator[Row]:
    """On a GPU by torch's own debug mode; on a CPU by refusing what would read a value back from a GPU."""
    for name, method in METHODS.items():
        for resident in (True, False):
            where = "resident images" if resident else "images fetched ahead"
            found, operations = _waits(place, small(place, {"data": _data(place)}, method=method), resident)
            counted = f"waits nowhere, {operations:,} operations" if operations else "waits nowhere"
            yield Row(f"{name}, {where}", not found, found or counted, "no wait")


def _data(place: Place) -> dict[str, Any]:
    """Eight steps an epoch."""
    return {"train_limit": 1024 if place.gpu else 160}


def _waits(place: Place, config: Config, resident: bool) -> tuple[str, int]:
    """Return where the guarded step waits, as text, empty if nowhere; and on a CPU how many operations it launches.

    Each of them is a kernel or more on a GPU; those that only look at a tensor in another way do not count.
    """
    run = place.store.create(config)
    to = Batches.to
    with contextlib.closing(MetricsWriter(run.metrics_path)) as writer, contextlib.ExitStack() as stack:
        metrics = MetricsCallback(writer, StatusWriter(run))
        guard = _Guard(metrics, place.gpu)
        stack.callback(guard.lower)
        stack.enter_context(patch.object(Batches, "to", lambda self, device: to(self, device, resident)))
        if not place.gpu:  # the views that a GPU makes
            stack.enter_context(patch.object(augmentation, "cpu_kernel", lambda: None))
        try:
            fit(config, GUARDED + 2, callbacks=[guard, metrics])
        except RuntimeError as error:
            guard.lower()
            frames = traceback.extract_tb(error.__traceback__)
            ours = [f for f in frames if "simsiam_core" in f.filename and f.filename != __file__]
            last = (ours or frames)[-1]
            return f"{str(error).splitlines()[0]} ({last.filename.rsplit('/', 1)[-1]}:{last.lineno})", 0
    return "" if guard.watched else "the step was not reached", guard.operations


class _Guard(pl.Callback):
    """Raised from the start of one step to the start of the next, so that Lightning's own work is within."""

    def __init__(self, metrics: MetricsCallback, gpu: bool) -> None:
        self._metrics, self._gpu = metrics, gpu
        self._mode: _NothingRead | None = None
        self.watched, self.operations = False, 0

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if trainer.global_step == GUARDED:
            self._metrics.flush(trainer, pl_module)  # that it waits twice a second is meant
            if self._gpu:
                torch.cuda.synchronize()
                torch.cuda.set_sync_debug_mode("error")
            else:
                self._mode = _NothingRead()
                self._mode.__enter__()
        elif trainer.global_step == GUARDED + 1:
            self.lower()
            self.watched = True

    def lower(self) -> None:
        """Let waiting pass again."""
        if self._gpu:
            torch.cuda.set_sync_debug_mode("default")
        elif self._mode is not None:
            mode, self._mode = self._mode, None
            self.operations = mode.operations
            mode.__exit__(None, None, None)


class _NothingRead(TorchDispatchMode):
    """Refuses operations whose result or shape depends on values: on a GPU each of them waits for it."""

    REFUSED = ("_local_scalar_dense", "nonzero", "masked_select", "equal", "unique_dim", "_unique2")

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.__name__.split(".")[0]
        on_host = name == "equal" and all(
            a.dtype == torch.int64 for a in args
        )  # of the order, kept in main memory
        if name in self.REFUSED and not on_host:
            raise RuntimeError(f"A value is read back by {name}")
        self.operations += not getattr(func, "is_view", False)
        return func(*args, **(kwargs or {}))
