"""Other ways to train the same network, to compare with: a bare loop, and what published code does.

Each way runs a number of steps and says how long they took, so that ways can take turns on a machine whose
pace changes while it is measured.
"""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import psutil
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset
from torchvision import transforms

from simsiam_core.config import AugmentationConfig, Config
from simsiam_core.model import SimSiam, symmetric_loss
from simsiam_core.training.device import Precision
from simsiam_core.training.estimate import step_loop, synchronise

Way = Callable[[int], float]  # steps to seconds


def bare(config: Config, device: torch.device, precision: Precision) -> Way:
    """The same network, loss and optimiser on two views made once: all a training loop can hope for."""
    step, _ = step_loop(config, device, precision, config.training.batch_size, augmented=False)
    return _timed(step, device)


def kornia(config: Config, device: torch.device, precision: Precision, images: Tensor) -> Way:
    """Kornia's augmentation on the device; network, precision and memory format as in ours."""
    import kornia.augmentation as K

    c, size = config.augmentation, config.data.image_size
    augment = nn.Sequential(
        K.RandomResizedCrop((size, size), scale=(c.crop_scale_min, c.crop_scale_max)),
        K.ColorJitter(c.brightness, c.contrast, c.saturation, c.hue, p=c.jitter_probability),
        K.RandomGrayscale(p=c.grey_probability),
        K.RandomHorizontalFlip(p=c.flip_probability),
        K.Normalize((0.5,) * 3, (0.25,) * 3),
    ).to(device)
    resident = images.to(device)
    network = SimSiam(config.model).to(device, memory_format=torch.channels_last)
    optimiser = _sgd(network, fused=True)
    half = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}.get(precision)

    def step() -> None:
        rows = torch.randint(len(resident), (config.training.batch_size,), device=device)
        batch = resident[rows].float() / 255
        views = [augment(batch).contiguous(memory_format=torch.channels_last) for _ in range(2)]
        with torch.autocast(device.type, half) if half else nullcontext():
            loss = symmetric_loss(*(network(view) for view in views))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return _timed(step, device)


def has_kornia() -> bool:
    """Whether that way can be gone here."""
    return importlib.util.find_spec("kornia") is not None


class LoaderWay:
    """Published SimSiam code: torchvision's transforms picture by picture in `workers` processes, fp32.

    The workers stand still while another way has its turn; else they would fill their queue at its cost.
    """

    def __init__(self, config: Config, device: torch.device, images: Tensor, workers: int) -> None:
        self._device = device
        self._loader: DataLoader[Any] = DataLoader(
            _Pictures(images, config.augmentation, config.data.image_size),
            batch_size=config.training.batch_size,
            shuffle=True,
            num_workers=workers,
            pin_memory=device.type == "cuda",
            drop_last=True,
            persistent_workers=True,
        )
        self._network = SimSiam(config.model).to(device)
        self._optimiser = _sgd(self._network, fused=False)
        self._batches: Iterator[Any] = iter(self._loader)
        self._workers = [psutil.Process(w.pid) for w in self._batches._workers]  # type: ignore[attr-defined]
        self._run(2 * workers + 1)  # past the batches that the workers had ready
        self._halt()

    def __call__(self, steps: int) -> float:
        """Seconds of so many steps."""
        for process in self._workers:
            process.resume()
        started = time.perf_counter()
        self._run(steps)
        took = time.perf_counter() - started
        self._halt()
        return took

    def close(self) -> None:
        """End the workers."""
        for process in self._workers:
            process.resume()
        self._batches._shutdown_workers()  # type: ignore[attr-defined]

    def _run(self, steps: int) -> None:
        for _ in range(steps):
            batch = next(self._batches, None)
            if batch is None:
                self._batches = iter(self._loader)
                batch = next(self._batches)
            first, second = (view.to(self._device, non_blocking=True) for view in batch)
            loss = symmetric_loss(self._network(first), self._network(second))
            self._optimiser.zero_grad()
            loss.backward()
            self._optimiser.step()
            loss.item()  # as its progress line does
        synchronise(self._device)

    def _halt(self) -> None:
        for process in self._workers:
            process.suspend()


class _Pictures(TorchDataset[tuple[Tensor, Tensor]]):
    def __init__(self, images: Tensor, c: AugmentationConfig, size: int) -> None:
        self._pixels = images.permute(0, 2, 3, 1).contiguous().numpy()  # as torchvision's CIFAR10 keeps them
        jitter = transforms.ColorJitter(c.brightness, c.contrast, c.saturation, c.hue)
        self._transform = transforms.Compose(
            [
                transforms.RandomResizedCrop(size, scale=(c.crop_scale_min, c.crop_scale_max)),
                transforms.RandomApply([jitter], p=c.jitter_probability),
                transforms.RandomGrayscale(p=c.grey_probability),
                transforms.RandomHorizontalFlip(p=c.flip_probability),
                transforms.ToTensor(),
                transforms.Normalize((0.5,) * 3, (0.25,) * 3),
            ]
        )

    def __len__(self) -> int:
        return len(self._pixels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        picture = Image.fromarray(self._pixels[index])
        return self._transform(picture), self._transform(picture)


def matrix_rate(device: torch.device, precision: Precision) -> Callable[[], float]:
    """A function that measures the rate of a large matrix product in the precision of training, in FLOP/s."""
    half = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}.get(precision, torch.float32)
    side = 8192 if device.type == "cuda" else 1024
    a, b = (torch.randn(side, side, device=device, dtype=half) for _ in range(2))
    repeats = 10

    def rate() -> float:
        synchronise(device)
        started = time.perf_counter()
        for _ in range(repeats):
            a @ b
        synchronise(device)
        return repeats * 2 * side**3 / (time.perf_counter() - started)

    rate()  # the first one starts threads and picks a kernel
    return rate


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _timed(step: Callable[[], None], device: torch.device) -> Way:
    def run(steps: int) -> float:
        synchronise(device)
        started = time.perf_counter()
        for _ in range(steps):
            step()
        synchronise(device)
        return time.perf_counter() - started

    run(2)
    return run


def _sgd(network: nn.Module, fused: bool) -> torch.optim.SGD:
    return torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4, fused=fused)
