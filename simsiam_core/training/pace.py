"""How fast training steps are on this machine, measured now: a few real ones are timed."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import psutil
import torch
from torch import nn

from simsiam_core.config import Config
from simsiam_core.data.memory import free_bytes, is_out_of_memory
from simsiam_core.training.allocator import keep_freed_memory
from simsiam_core.training.device import Precision, autocast, matmul_precision
from simsiam_core.training.objective import Objective

GREY = (0.5,) * 3, (0.25,) * 3  # mean and std of the random images, near enough
CONTEXT_BYTES = 0.6e9  # of a GPU's memory: what a process takes before its first tensor
TIMED_SECONDS = 1.0
# What others may have of the machine while steps are timed, for these to tell the pace of a run that has it alone.
OTHERS_CORES = 0.25  # of all of them: less than a run takes, more than a browser that sits there
OTHERS_BYTES = 1.5e9  # of a GPU's memory: more than a screen takes
SMALL_BATCHES = (8, 24)  # whose memory tells that of any
SAFETY = 0.9  # of the memory: fragments and the kNN check want some too


def step_loop(
    config: Config, device: torch.device, precision: Precision, images: int, augmented: bool
) -> tuple[Any, nn.Module]:
    """Return a function that makes one training step without Lightning, on random data; and its network.

    With `augmented` off, the views are made once: all that is left is the network.
    """
    generator = torch.Generator(device).manual_seed(0)
    side = config.data.image_size
    pixels = torch.randint(
        0, 256, (images, 3, side, side), dtype=torch.uint8, device=device, generator=generator
    )
    objective = Objective(config, *GREY)
    network = objective.network().to(device)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4, fused=True)
    fixed = objective.views(pixels, generator)

    def step() -> None:
        views = objective.views(pixels, generator) if augmented else fixed
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


class DoesNotFitError(RuntimeError):
    """The steps took more memory than there is; `fits` is the largest batch that a device has room for, if any."""

    def __init__(self, fits: int | None) -> None:
        super().__init__("The batch does not fit into memory.")
        self.fits = fits


def fitting_pace(config: Config, images: int, place: torch.device, precision: Precision) -> Pace:
    """Time steps, as `_pace` does. Raises DoesNotFitError where memory runs out."""
    try:
        return _pace(config, images, place, precision)
    except Exception as problem:
        if not is_out_of_memory(problem):
            raise
    # The exception is left first: it keeps the tensors of its frames alive.
    gc.collect()
    raise DoesNotFitError(_fitting_batch(config, place, precision) if place.type == "cuda" else None)


def _fitting_batch(config: Config, place: torch.device, precision: Precision) -> int | None:
    def peak(images: int) -> int:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(place)
        step_loop(config, place, precision, images, augmented=True)[0]()
        return torch.cuda.max_memory_allocated(place)

    return fitting_batch(peak, free_bytes(place))


def fitting_batch(peak: Callable[[int], float], free: float, fixed: float = 0.0) -> int | None:
    """Estimate the batch that `free` bytes of a device allow, or None if none is.

    Memory of a step grows in a straight line with the batch: the `peak` of two small ones gives the line. `fixed`
    bytes are wanted beside that.
    """
    try:
        low, high = (peak(size) for size in SMALL_BATCHES)
    except Exception as problem:
        if is_out_of_memory(problem):
            return None
        raise
    for_an_image = max(1.0, (high - low) / (SMALL_BATCHES[1] - SMALL_BATCHES[0]))
    fixed += max(0.0, low - SMALL_BATCHES[0] * for_an_image)
    return rounded_batch((SAFETY * free - fixed) / for_an_image)


def rounded_batch(fits: float) -> int | None:
    """Round down to a batch size that a person would choose; None if there is none."""
    step = 32 if fits >= 64 else 2
    return max(0, int(fits)) // step * step or None


def _pace(config: Config, images: int, place: torch.device, precision: Precision) -> Pace:
    """Time the steps of a second or more, three at least, after one that warms up."""
    if place.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(place)
    exactly = matmul_precision(precision, "gpu" if place.type == "cuda" else "cpu")
    with torch.random.fork_rng(), keep_freed_memory(), exactly:
        step, _ = step_loop(config, place, precision, images, augmented=True)
        step()
        synchronise(place)
        times, others = list[float](), _OtherProcesses(place)
        while len(times) < 3 or sum(times) < TIMED_SECONDS:
            started = time.perf_counter()
            step()
            synchronise(place)
            times.append(time.perf_counter() - started)
        alone = not others.at_work()
    peak = torch.cuda.max_memory_allocated(place) if place.type == "cuda" else None
    return Pace(median(times) / images, peak, alone)


def gpu_is_taken(place: torch.device) -> bool:
    """Return whether other processes hold so much of a GPU's memory that they must be at work on it."""
    return _OtherProcesses(place).at_work()


class _OtherProcesses:
    """Watches from when it is made whether other processes work on a device."""

    def __init__(self, place: torch.device) -> None:
        self._place = place
        self._started, self._spent = time.monotonic(), self._core_seconds()

    def at_work(self) -> bool:
        """Return whether they used more than OTHERS_CORES or OTHERS_BYTES until now."""
        if self._place.type == "cuda":  # others' work cannot be seen, but their memory can
            free, total = torch.cuda.mem_get_info(self._place)
            return total - free - torch.cuda.memory_reserved(self._place) - CONTEXT_BYTES > OTHERS_BYTES
        seconds = (time.monotonic() - self._started) * (psutil.cpu_count() or 1)
        return self._core_seconds() - self._spent > OTHERS_CORES * seconds

    @staticmethod
    def _core_seconds() -> float:
        """Return the seconds that the machine's cores have worked for other processes than this one."""
        machine, own = psutil.cpu_times(), psutil.Process().cpu_times()
        return machine.user + machine.system + getattr(machine, "nice", 0.0) - own.user - own.system
