"""How fast training steps are on this machine: a few real ones are timed.

What was measured is kept for as long as the process lives, so another number of epochs costs nothing; unless
something else was at work meanwhile, a run perhaps: then it serves for a minute.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from statistics import median
from typing import Any

import psutil
import torch
from torch import nn

from simsiam_core.config import Config
from simsiam_core.training.allocator import kept_memory
from simsiam_core.training.device import Precision, autocast
from simsiam_core.training.objective import Objective

GREY = (0.5,) * 3, (0.25,) * 3  # mean and std of the random pictures, near enough
CONTEXT_BYTES = 0.6e9  # of a GPU's memory: what a process takes before its first tensor
TIMED_SECONDS = 1.0
# What others may have of the machine while steps are timed, for these to tell the pace of a run that has it alone.
OTHERS_CORES = 0.25  # of all of them: less than a run takes, more than a browser that sits there
OTHERS_BYTES = 1.5e9  # of a GPU's memory: more than a screen takes
KEPT_SECONDS = 60.0  # where others had more


def step_loop(
    config: Config, device: torch.device, precision: Precision, images: int, augmented: bool
) -> tuple[Any, nn.Module]:
    """A function that makes one training step without Lightning, on random data; and its network.

    With `augmented` off, the views are made once: all that is left is the network.
    """
    generator = torch.Generator(device).manual_seed(0)
    side = config.data.image_size
    pictures = torch.randint(
        0, 256, (images, 3, side, side), dtype=torch.uint8, device=device, generator=generator
    )
    objective = Objective(config, *GREY)
    network = objective.network().to(device)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4, fused=True)
    fixed = objective.views(pictures, generator)

    def step() -> None:
        views = objective.views(pictures, generator) if augmented else fixed
        optimiser.zero_grad()
        with autocast(device.type, precision):
            loss = objective.losses(network, views).total
        loss.backward()
        optimiser.step()

    return step, network


def synchronise(device: torch.device) -> None:
    """Wait for a GPU, so that a clock tells what has been done and not what has been asked for."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@dataclass(frozen=True)
class Pace:
    """A calibration: seconds an image of training, and on a GPU the memory that the steps took at most."""

    seconds_per_image: float
    peak_bytes: float | None
    alone: bool = True  # whether nothing else was at work meanwhile


_paces: dict[Any, tuple[Pace, float]] = {}  # with the time until which it serves


def calibrate(config: Config, images: int, device: str, precision: Precision) -> Pace:
    """The pace of a config, measured now or before. Raises torch.OutOfMemoryError on a GPU that is too small."""
    key = config, images, device, precision
    pace, until = _paces.get(key, (None, 0.0))
    if pace is None or time.monotonic() > until:
        pace = _pace(config, images, torch.device(device), precision)
        _paces[key] = pace, math.inf if pace.alone else time.monotonic() + KEPT_SECONDS
    return pace


def _pace(config: Config, images: int, place: torch.device, precision: Precision) -> Pace:
    """From the steps of a second or more, three at least, after one that warms up."""
    if place.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(place)
    with torch.random.fork_rng(), kept_memory():
        step, _ = step_loop(config, place, precision, images, augmented=True)
        step()
        synchronise(place)
        times, others = list[float](), _Others(place)
        while len(times) < 3 or sum(times) < TIMED_SECONDS:
            started = time.perf_counter()
            step()
            synchronise(place)
            times.append(time.perf_counter() - started)
        alone = not others.at_work()
    peak = torch.cuda.max_memory_allocated(place) if place.type == "cuda" else None
    return Pace(median(times) / images, peak, alone)


class _Others:
    """Whether other processes work on this device, from its making on."""

    def __init__(self, place: torch.device) -> None:
        self._place = place
        self._started, self._spent = time.monotonic(), self._core_seconds()

    def at_work(self) -> bool:
        """Whether they had more than their due until now."""
        if self._place.type == "cuda":  # others' work cannot be seen, but their memory can
            free, total = torch.cuda.mem_get_info(self._place)
            return total - free - torch.cuda.memory_reserved(self._place) - CONTEXT_BYTES > OTHERS_BYTES
        seconds = (time.monotonic() - self._started) * (psutil.cpu_count() or 1)
        return self._core_seconds() - self._spent > OTHERS_CORES * seconds

    @staticmethod
    def _core_seconds() -> float:
        """Seconds that the machine's cores have worked for other processes than this one."""
        machine, own = psutil.cpu_times(), psutil.Process().cpu_times()
        return machine.user + machine.system + getattr(machine, "nice", 0.0) - own.user - own.system
