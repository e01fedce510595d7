"""Measured speed of training steps on this machine, with a cache.

Measurements are kept for the lifetime of the process, so changing the number of epochs costs nothing. One
that was taken beside other work, such as a run, is valid for a minute.
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

KEPT_SECONDS = 60.0  # how long a pace measured beside other work is valid


class BusyError(RuntimeError):
    """Error raised if every GPU is taken and no earlier measurement exists."""


_paces: dict[Any, tuple[Pace, float]] = {}  # with the monotonic time until which it is valid


def calibrate(
    config: Config, images: int, device: str, precision: Precision, taken: Collection[str] = ()
) -> Pace:
    """Return the pace of a config, cached or measured now. Raises DoesNotFitError, and BusyError for GPUs.

    A GPU is measured in a subprocess, which leaves none of its memory taken. GPUs that are `taken` by jobs or
    used by other programs are never measured; if no other is free, the last measurement is used.
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
    """Return the pace measured with another batch size: close enough, except for its peak memory."""
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
