"""Training baselines for the same network: a bare loop, and the approaches of published code.

Each baseline runs a number of steps and returns their duration, so that measurements can alternate on a
machine whose speed varies over time.
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
from simsiam_core.model import JointEmbedding
from simsiam_core.training import compilation
from simsiam_core.training.device import Precision, autocast
from simsiam_core.training.objective import Objective
from simsiam_core.training.pace import GREY, step_loop, synchronise
from simsiam_core.training.step import Views

Baseline = Callable[[int], float]  # steps to seconds


def bare(config: Config, device: torch.device, precision: Precision) -> Baseline:
    """Return the same network, loss and optimiser on views made once: the upper bound for a training loop.

    Compiled where training would be.
    """
    step, network = step_loop(config, device, precision, config.training.batch_size, augmented=False)
    steps = (count_train(config.data) or 0) // config.training.batch_size * config.training.epochs
    compilation.prepare(network, config.training, device, steps, step)
    return _timed(step, device)


def kornia(config: Config, device: torch.device, precision: Precision, images: Tensor) -> Baseline:
    """Return a baseline with kornia's augmentation on the device.

    Network, precision and memory format are as in our training.
    """
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
    objective = Objective(config, *GREY)
    network = objective.network().to(device)
    optimiser = _sgd(network, fused=True)

    def step() -> None:
        rows = torch.randint(len(resident), (config.training.batch_size,), device=device)
        batch = resident[rows].float() / 255
        views = [augment(batch).contiguous(memory_format=torch.channels_last) for _ in range(2)]
        with autocast(device.type, precision):
            loss = _loss(objective, network, views)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return _timed(step, device)


def has_kornia() -> bool:
    """Return whether kornia can be imported."""
    return importlib.util.find_spec("kornia") is not None


class LoaderBaseline:
    """The baseline of published code: torchvision transforms per image in `workers` processes, fp32.

    It runs in a separate process, so that settings of our training do not affect it. Its data loader workers
    are suspended during the turns of other baselines; otherwise they would fill their queue at the others'
    cost.
    """

    def __init__(self, config: Config, device: torch.device, count: int, workers: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, config, device, count, workers))
        self._process.start()
        theirs.close()
        self._connection.recv()  # it has consumed the batches its workers had prefetched

    def __call__(self, steps: int) -> float:
        """Return the seconds taken by `steps` steps."""
        self._connection.send(steps)
        return self._connection.recv()

    def close(self) -> None:
        """End the process and its workers."""
        if self._process.is_alive():
            self._connection.send(None)
        self._process.join()


def _serve(connection: Connection, config: Config, device: torch.device, count: int, workers: int) -> None:
    warnings.filterwarnings("ignore", message="This DataLoader will create")  # more workers than cores
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
    objective = Objective(config, *GREY)
    network = objective.method.network(config).to(
        device
    )  # in the memory format that published code leaves it
    optimiser = _sgd(network, fused=False)
    batches = iter(loader)

    def step() -> None:
        nonlocal batches
        batch = next(batches, None)
        if batch is None:
            batches = iter(loader)
            batch = next(batches)
        loss = _loss(objective, network, [view.to(device, non_blocking=True) for view in batch])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        loss.item()  # synchronises, as published code does for its progress line

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
        self._pixels = pixels  # [N, S, S, 3], as stored by torchvision's CIFAR10
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
    """Return a function that measures the FLOP/s of a large matrix product in the training precision."""
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

    rate()  # warm-up: starts threads and selects a kernel
    return rate


def cores() -> int:
    """Return the number of CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _timed(step: Callable[[], None], device: torch.device) -> Baseline:
    def run(steps: int) -> float:
        step()  # untimed warm-up: restores caches and memory after the previous workload
        synchronise(device)
        started = time.perf_counter()
        for _ in range(steps):
            step()
        synchronise(device)
        return time.perf_counter() - started

    run(2)
    return run


def _loss(objective: Objective, network: JointEmbedding, views: list[Tensor]) -> Tensor:
    """Return the loss of the config's method on two views; a corner of the first serves as crop to be turned."""
    side = objective.config.objective.rotation_crop
    crops = views[0][:, :, :side, :side] if objective.rotates else None
    return objective.losses(network, Views(tuple(views), crops)).total


def _sgd(network: nn.Module, fused: bool) -> torch.optim.SGD:
    return torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4, fused=fused)
