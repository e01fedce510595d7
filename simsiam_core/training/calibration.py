"""How fast training steps are on this machine, as far as it must be measured.

What was measured is kept for as long as the process lives, so another number of epochs costs nothing; unless
something else was at work meanwhile, a run perhaps: then it serves for a minute.
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import torch

from simsiam_core.config import Config
from simsiam_core.jobs.gpus import free_gpus
from simsiam_core.training import trial
from simsiam_core.training.device import Precision
from simsiam_core.training.pace import Pace, fitting_pace

KEPT_SECONDS = 60.0  # how long a pace serves that was measured beside other work


class BusyError(RuntimeError):
    """Every GPU is taken, and this was not measured while one was free."""


_paces: dict[Any, tuple[Pace, float]] = {}  # with the time until which it serves


def calibrate(
    config: Config, images: int, device: str, precision: Precision, taken: Collection[str] = ()
) -> Pace:
    """Return the pace of a config, measured now or before. Raises DoesNotFitError, and for GPUs BusyError.

    A GPU is measured by a process of its own, which leaves none of its memory taken, and never one that is among
    those `taken` by jobs or that somebody else works on: then what was measured last has to do.
    """
    key = config, images, device, precision
    pace, until = _paces.get(key, (None, 0.0))
    if pace is not None and time.monotonic() <= until:
        return pace
    if device == "cuda":
        found = _measure_on_free_gpu(config, images, precision, taken) or pace or _pace_of_other_batch(key)
        if found is None:
            raise BusyError("Every GPU is taken.")
        pace = found
    else:
        pace = fitting_pace(config, images, torch.device(device), precision)
    _paces[key] = pace, math.inf if pace.alone else time.monotonic() + KEPT_SECONDS
    return pace


def _pace_of_other_batch(key: tuple[Any, ...]) -> Pace | None:
    """Return the pace of the same steps with other images a step, which is near enough; its memory is not the same."""
    config, _, device, precision = key
    alike = (pace for (c, _, d, p), (pace, _) in _paces.items() if (c, d, p) == (config, device, precision))
    known = next(alike, None)
    return None if known is None else replace(known, peak_bytes=None, alone=False)


def _measure_on_free_gpu(
    config: Config, images: int, precision: Precision, taken: Collection[str]
) -> Pace | None:
    for gpu in free_gpus(taken):
        if (pace := trial.measure(config, images, precision, gpu.id)) is not None:
            return pace
    return None
