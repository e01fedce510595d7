"""Checks that a training step never synchronises with the GPU, which would leave it idle."""

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
from simsiam_core.bench.accept.training import OTHERS, ROTATING, fit, small
from simsiam_core.config import Config
from simsiam_core.data import augmentation
from simsiam_core.runs import MetricsWriter
from simsiam_core.training.batches import Batches
from simsiam_core.training.callbacks import MetricsCallback
from simsiam_core.training.status import StatusWriter

GUARDED = 5  # the guarded step: mid-epoch, after one-time work of the first steps
METHODS: dict[str, dict[str, Any]] = {
    "SimSiam": {},
    "FastSiam": {"objective": {"views": 4}},
    "E-SimSiam": ROTATING,
    **OTHERS,
    "with blur": {"augmentation": {"blur_probability": 0.5}},
}


def check(place: Place) -> Iterator[Row]:
    """Check with torch's sync debug mode; on a CPU by rejecting operations that would read GPU values."""
    for name, method in METHODS.items():
        for resident in (True, False):
            where = "resident images" if resident else "images fetched ahead"
            found, operations = _waits(place, small(place, {"data": _data(place)}, method=method), resident)
            counted = f"waits nowhere, {operations:,} operations" if operations else "waits nowhere"
            yield Row(f"{name}, {where}", not found, found or counted, "no wait")


def _data(place: Place) -> dict[str, Any]:
    """Return data settings for eight steps per epoch."""
    return {"train_limit": 1024 if place.gpu else 160}


def _waits(place: Place, config: Config, resident: bool) -> tuple[str, int]:
    """Return where the guarded step synchronises, or ''; and on a CPU the number of its operations.

    Each of them is at least one kernel on a GPU; operations that only create views of tensors do not count.
    """
    run = place.store.create(config)
    to = Batches.to
    with contextlib.closing(MetricsWriter(run.metrics_path)) as writer, contextlib.ExitStack() as stack:
        metrics = MetricsCallback(writer, StatusWriter(run))
        guard = _Guard(metrics, place.gpu)
        stack.callback(guard.lower)
        stack.enter_context(patch.object(Batches, "to", lambda self, device: to(self, device, resident)))
        if not place.gpu:  # use the augmentation code of a GPU
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
    """A guard active between the starts of two steps, which includes Lightning's own work."""

    def __init__(self, metrics: MetricsCallback, gpu: bool) -> None:
        self._metrics, self._gpu = metrics, gpu
        self._mode: _NothingRead | None = None
        self.watched, self.operations = False, 0

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if trainer.global_step == GUARDED:
            self._metrics.flush(trainer, pl_module)  # its synchronisation twice a second is intended
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
        """Deactivate the guard."""
        if self._gpu:
            torch.cuda.set_sync_debug_mode("default")
        elif self._mode is not None:
            mode, self._mode = self._mode, None
            self.operations = mode.operations
            mode.__exit__(None, None, None)


class _NothingRead(TorchDispatchMode):
    """A dispatch mode that rejects operations whose result or shape needs tensor values: a GPU sync each."""

    REFUSED = ("_local_scalar_dense", "nonzero", "masked_select", "equal", "unique_dim", "_unique2")

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.__name__.split(".")[0]
        # The sample order is kept in main memory.
        on_host = name == "equal" and all(a.dtype == torch.int64 for a in args)
        if name in self.REFUSED and not on_host:
            raise RuntimeError(f"A value is read back by {name}")
        self.operations += not getattr(func, "is_view", False)
        return func(*args, **(kwargs or {}))
