"""Other ways to train the same network, to compare with: a bare loop, and what published code does.

Each way runs a number of steps and says how long they took, so that ways can take turns on a machine whose
pace changes while it is measured.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import time
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import psutil
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset
from torchvision import transforms

from simsiam_core.config import AugmentationConfig, Config
from simsiam_core.data import count_train
from simsiam_core.model import SimSiam, simsiam_loss
from simsiam_core.training import compilation
from simsiam_core.training.device import Precision, autocast
from simsiam_core.training.pace import step_loop, synchronise

Baseline = Callable[[int], float]  # steps to seconds


def bare(config: Config, device: torch.device, precision: Precision) -> Baseline:
    """Return the same network, loss and optimiser on views made once: all a training loop can hope for.

    Compiled where training would be.
    """
    step, network = step_loop(config, device, precision, config.training.batch_size, augmented=False)
    steps = (count_train(config.data) or 0) // config.training.batch_size * config.training.epochs
    compilation.prepare(network, config.training, device, steps, step)
    return _timed(step, device)


def kornia(config: Config, device: torch.device, precision: Precision, images: Tensor) -> Baseline:
    """Train with kornia's augmentation on the device; network, precision and memory format as in ours."""
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
    network = SimSiam(config.model).to(device).to(memory_format=torch.channels_last)
    optimiser = _sgd(network, fused=True)

    def step() -> None:
        rows = torch.randint(len(resident), (config.training.batch_size,), device=device)
        batch = resident[rows].float() / 255
        views = [augment(batch).contiguous(memory_format=torch.channels_last) for _ in range(2)]
        with autocast(device.type, precision):
            loss = simsiam_loss([network(view) for view in views])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return _timed(step, device)


def has_kornia() -> bool:
    """Return whether kornia can be imported here."""
    return importlib.util.find_spec("kornia") is not None


class LoaderBaseline:
    """Published SimSiam code: torchvision's transforms image by image in `workers` processes, fp32.

    It lives in a process of its own, because what training here does to the process is no part of that way.
    Its loader's workers stand still while another way has its turn; else they would fill their queue at its
    cost.
    """

    def __init__(self, config: Config, device: torch.device, count: int, workers: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, config, device, count, workers))
        self._process.start()
        theirs.close()
        self._connection.recv()  # it has run past the batches that its workers had ready

    def __call__(self, steps: int) -> float:
        """Return seconds of so many steps."""
        self._connection.send(steps)
        return self._connection.recv()

    def close(self) -> None:
        """End the process and its workers."""
        if self._process.is_alive():
            self._connection.send(None)
        self._process.join()


def _serve(connection: Connection, config: Config, device: torch.device, count: int, workers: int) -> None:
    warnings.filterwarnings("ignore", message="This DataLoader will create")  # four is the way that it is
    size = config.data.image_size
    pixels = np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)
    loader: DataLoader[Any] = DataLoader(
        _Images(pixels, config.augmentation, size),
        batch_size=config.training.batch_size,
        shuffle=True,
        num_workers=workers,
        pin_memory=device.type == "cuda",
        drop_last=True,
        persistent_workers=True,
        multiprocessing_context="fork" if "fork" in multiprocessing.get_all_start_methods() else None,
    )
    network = SimSiam(config.model).to(device)
    optimiser = _sgd(network, fused=False)
    batches = iter(loader)

    def step() -> None:
        nonlocal batches
        batch = next(batches, None)
        if batch is None:
            batches = iter(loader)
            batch = next(batches)
        first, second = (view.to(device, non_blocking=True) for view in batch)
        loss = simsiam_loss([network(first), network(second)])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        loss.item()  # as its progress line does

    run = _timed(step, device)
    run(2 * workers)
    own = psutil.Process().children(recursive=True)
    seconds, steps = 0.0, 0
    while steps is not None:
        for process in own:
            process.suspend()
        connection.send(seconds)
        steps = connection.recv()
        for process in own:
            process.resume()
        seconds = run(steps) if steps else 0.0


class _Images(TorchDataset[tuple[Tensor, Tensor]]):
    def __init__(self, pixels: np.ndarray, c: AugmentationConfig, size: int) -> None:
        self._pixels = pixels  # [N, S, S, 3], as torchvision's CIFAR10 keeps them
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
        image = Image.fromarray(self._pixels[index])
        return self._transform(image), self._transform(image)


def matrix_rate(device: torch.device, precision: Precision) -> Callable[[], float]:
    """Return a function that measures the rate of a large matrix product in the precision of training, in FLOP/s."""
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
    """Return how many CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _timed(step: Callable[[], None], device: torch.device) -> Baseline:
    def run(steps: int) -> float:
        step()  # untimed: brings caches and memory back from whatever ran before
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
