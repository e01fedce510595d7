"""Throughput of images from the disk to a training step: decoding, statistics, views, encoding, steps.

The images are those of a folder, or photos made up for this: smooth noise of 500 × 375 pixels as JPEG. Times
are of this process with all its threads, each the second of two executions; decoding is also counted per core.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from PIL import Image
from torch.nn import functional as F

from simsiam_core.config import Config, merge, parse, preset
from simsiam_core.config.cache import CACHE_VARIABLE
from simsiam_core.data import Dataset, load
from simsiam_core.data.larger import stored_size, with_larger
from simsiam_core.data.loading import channel_statistics
from simsiam_core.features.encode import best_device, encode
from simsiam_core.model import Encoder
from simsiam_core.training.device import resolve_device
from simsiam_core.training.objective import Objective
from simsiam_core.training.pace import fitting_pace

PHOTOS, HEIGHT, WIDTH = 256, 375, 500
EXTRAPOLATED = 100_000  # images
ENCODED = 256  # images encoded
VIEWED = 64  # images of which views are made at once
T = TypeVar("T")


def measure(
    path: str | None = None, preset_name: str = "quick", image_size: int = 96, photos: int = PHOTOS
) -> dict[str, Any]:
    """Measure images a second for each stage, and what 100,000 such images would take.

    `image_size` replaces the preset's. Decoded images go into a temporary cache, so that nothing is found in
    the user's or left there. Raises ConfigError for a folder that cannot be used.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = path or _made_up(Path(temporary) / "photos", photos)
        data: dict[str, Any] = {"source": "folder", "path": folder, "image_size": image_size}
        data |= {"train_limit": None, "test_limit": None}
        config = parse(merge(preset(preset_name).values, {"data": data, "training": {"devices": 1}}))
        before = os.environ.get(CACHE_VARIABLE)
        os.environ[CACHE_VARIABLE] = str(Path(temporary) / "cache")
        try:
            return _figures(config, preset_name)
        finally:
            os.environ.pop(CACHE_VARIABLE)
            if before is not None:
                os.environ[CACHE_VARIABLE] = before


def _made_up(folder: Path, count: int) -> str:
    """Write photos of smooth noise, the same on every call, and return their folder."""
    folder.mkdir()
    generator = torch.Generator().manual_seed(0)
    for number in range(count):
        coarse = torch.rand(1, 3, 12, 16, generator=generator)
        smooth = F.interpolate(coarse, (HEIGHT, WIDTH), mode="bicubic")[0]
        noisy = smooth + 0.03 * torch.randn(3, HEIGHT, WIDTH, generator=generator)
        pixels = (noisy.clamp(0, 1) * 255).byte().permute(1, 2, 0).contiguous().numpy()
        Image.fromarray(pixels).save(folder / f"{number:05d}.jpg", quality=85)
    return str(folder)


def _figures(config: Config, preset_name: str) -> dict[str, Any]:
    size, cores = config.data.image_size, os.cpu_count() or 1
    dataset, decoding = _timed(lambda: load(config.data))
    dataset, keeping = _timed(lambda: with_larger(config, dataset))
    count = len(dataset.train)
    rates = {"decode into squares": (count + len(dataset.test or ())) / decoding}
    larger = 0.0 if dataset.larger is None else dataset.larger.nbytes / count
    if larger:
        rates["keep larger for crops"] = count / keeping
    rates["mean and std"] = count / _seconds(lambda: channel_statistics(dataset.train))
    rates |= _view_rates(config, dataset)
    network = Objective(config, dataset.mean, dataset.std).network().eval()
    encoder = Encoder(network.backbone, config, dataset.mean, dataset.std, dataset.train.classes, 0, 0)
    some = dataset.train[:ENCODED]
    rates["encode"] = len(some) / _seconds(lambda: encode(encoder, some, best_device()))
    accelerator, precision = resolve_device(config.training)
    place = torch.device("cuda" if accelerator == "gpu" else "cpu")
    pace = fitting_pace(config, config.training.batch_size, place, precision)
    rates["training step"] = 1 / pace.seconds_per_image
    disk = EXTRAPOLATED * (3 * size**2 + larger)
    return {
        "preset": preset_name,
        "image size, px": size,
        "stored size, px": stored_size(config) if larger else size,
        "images": count,
        "cores": cores,
        "alone on the machine": pace.alone,
        **{f"{stage}, images/s": rate for stage, rate in rates.items()},
        "decode into squares, images/s per core": rates["decode into squares"] / cores,
        f"{EXTRAPOLATED:,} images on the disk, GB": disk / 1e9,
        f"{EXTRAPOLATED:,} images until training begins, minutes": EXTRAPOLATED
        / 60
        * sum(
            1 / rates[stage] for stage in ("decode into squares", "keep larger for crops") if stage in rates
        ),
    }


def _view_rates(config: Config, dataset: Dataset) -> dict[str, float]:
    """Return the images a second of which all views are made, from squares and from larger images."""
    objective = Objective(config, dataset.mean, dataset.std)
    rows = torch.arange(min(VIEWED, len(dataset.train)))
    generator, squares = torch.Generator().manual_seed(0), dataset.train.images[rows]
    rates = {"views of squares": len(rows) / _seconds(lambda: objective.views(squares, generator))}
    if dataset.larger is not None:
        larger = dataset.larger.select(rows)
        rates["views of larger images"] = len(rows) / _seconds(lambda: objective.views(larger, generator))
    return rates


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    started = time.perf_counter()
    return work(), time.perf_counter() - started


def _seconds(work: Callable[[], object]) -> float:
    work()  # compiles what is compiled on first use
    return _timed(work)[1]
