"""Speed of training steps on this machine, measured by timing a few real ones."""

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
from simsiam_core.data.image_batch import ImageBatch
from simsiam_core.data.memory import free_bytes, is_out_of_memory
from simsiam_core.training.allocator import keep_freed_memory
from simsiam_core.training.device import Precision, autocast, matmul_precision
from simsiam_core.training.objective import Objective

GREY = (0.5,) * 3, (0.25,) * 3  # mean and std of the random images, approximately
CONTEXT_BYTES = 0.6e9  # GPU memory that a process takes before its first tensor
TIMED_SECONDS = 1.0
# Use by other processes up to which a measured pace counts as that of a run alone on the machine.
OTHERS_CORES = 0.25  # of all cores: less than a run uses, more than an idle browser
OTHERS_BYTES = 1.5e9  # GPU memory: more than a display uses
SMALL_BATCHES = (8, 24)  # from which the memory of any batch is extrapolated
SAFETY = 0.9  # of the memory: fragmentation and the kNN check need some too


def step_loop(
    config: Config, device: torch.device, precision: Precision, images: int, augmented: bool
) -> tuple[Any, nn.Module]:
    """Return a function that runs one training step without Lightning, on random data; and its network.

    With `augmented` off, the views are made once, so that only the network is timed.
    """
    generator = torch.Generator(device).manual_seed(0)
    side = max(config.data.image_size, config.data.stored_size or 0)
    squares = torch.randint(
        0, 256, (images, 3, side, side), dtype=torch.uint8, device=device, generator=generator
    )
    pixels = squares if side == config.data.image_size else ImageBatch.of_square(squares)
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
        objective.after_step(network, 0, 1)

    return step, network


def synchronise(device: torch.device) -> None:
    """Wait for a GPU, so that a clock measures completed work instead of queued work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@dataclass(frozen=True)
class Pace:
    """Result of a calibration: seconds per image of training and, on a GPU, the peak memory of the steps."""

    seconds_per_image: float
    peak_bytes: float | None
    alone: bool = True  # whether nothing else was running meanwhile


class DoesNotFitError(RuntimeError):
    """Error of steps that need more memory than there is; `fits` is the largest batch that would fit, if any."""

    def __init__(self, fits: int | None) -> None:
        super().__init__("The batch does not fit into memory.")
        self.fits = fits


def fitting_pace(config: Config, images: int, place: torch.device, precision: Precision) -> Pace:
    """Time steps, as `_pace` does. Raises DoesNotFitError if memory runs out."""
    try:
        return _pace(config, images, place, precision)
    except Exception as problem:
        if not is_out_of_memory(problem):
            raise
    # Handled outside the except block: the exception would keep its frames' tensors alive.
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
    """Estimate the batch size that `free` bytes of a device allow; None if none does.

    A step's memory grows linearly with the batch: the `peak` of two small ones gives the line. `fixed` bytes
    are needed in addition.
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
    """Round down to a multiple of 32, or of 2 below 64; None if nothing remains."""
    step = 32 if fits >= 64 else 2
    return max(0, int(fits)) // step * step or None


def _pace(config: Config, images: int, place: torch.device, precision: Precision) -> Pace:
    """Time steps for a second or more, at least three, after one warm-up step."""
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
    """Return whether other processes hold so much of a GPU's memory that they must be working on it."""
    return _OtherProcesses(place).at_work()


class _OtherProcesses:
    """Monitor of other processes' activity on a device, from its creation on."""

    def __init__(self, place: torch.device) -> None:
        self._place = place
        self._started, self._spent = time.monotonic(), self._core_seconds()

    def at_work(self) -> bool:
        """Return whether they have used more than OTHERS_CORES or OTHERS_BYTES so far."""
        if self._place.type == "cuda":  # other processes' load cannot be read, but their memory can
            free, total = torch.cuda.mem_get_info(self._place)
            return total - free - torch.cuda.memory_reserved(self._place) - CONTEXT_BYTES > OTHERS_BYTES
        seconds = (time.monotonic() - self._started) * (psutil.cpu_count() or 1)
        return self._core_seconds() - self._spent > OTHERS_CORES * seconds

    @staticmethod
    def _core_seconds() -> float:
        """Return the CPU seconds used so far by all processes except this one."""
        machine, own = psutil.cpu_times(), psutil.Process().cpu_times()
        return machine.user + machine.system + getattr(machine, "nice", 0.0) - own.user - own.system
