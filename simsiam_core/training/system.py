"""Load and memory of the machine while it trains, measured by the training process itself."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import psutil
import torch

from simsiam_core.metrics import describe
from simsiam_core.metrics.system_cpu import CPU_LOAD
from simsiam_core.metrics.system_gpu import GPU_LOAD
from simsiam_core.metrics.system_gpu_memory import GPU_MEMORY
from simsiam_core.metrics.system_memory import MEMORY

EVERY_SECONDS = 5.0
GIB = 2**30


class SystemWatch:
    """Measures at most every `EVERY_SECONDS`; the processor's share is that since the measurement before."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._due = 0.0  # at once, so that a short run has a value too
        self._process = psutil.Process()
        psutil.cpu_percent()  # the first one has nothing to compare with

    def measure(self, *, last: bool = False) -> dict[str, float]:
        """Return the system metrics by name, or nothing if it is not yet time; the `last` ones always."""
        if not last and self._clock() < self._due:
            return {}
        self._due = self._clock() + EVERY_SECONDS
        found = {
            CPU_LOAD: psutil.cpu_percent() / 100,
            MEMORY: self._process.memory_info().rss / GIB,
            **_gpus(),
        }
        return {name: describe(name).recorded(value) for name, value in found.items()}


def _gpus() -> dict[str, float]:
    """Return load and memory of the GPUs that this process may use; without what their driver does not tell."""
    if not (torch.cuda.is_available() and torch.cuda.is_initialized()):
        return {}
    devices = range(torch.cuda.device_count())
    found: dict[str, float] = {}
    # A driver may have no NVML, and a part of a split GPU has no load: several kinds of errors, none of ours.
    with contextlib.suppress(Exception):
        loads = [torch.cuda.utilization(device) / 100 for device in devices]
        found[GPU_LOAD] = sum(loads) / len(loads)
    with contextlib.suppress(RuntimeError):
        free_and_all = [torch.cuda.mem_get_info(device) for device in devices]
        found[GPU_MEMORY] = max(total - free for free, total in free_and_all) / GIB
    return found
