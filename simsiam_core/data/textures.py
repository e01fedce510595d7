"""Procedural texture data set of ten classes, which needs no download.

The classes differ in geometry, and in whether they are mostly dark or mostly light. Scale, angle, position
and contrast are random per image, and all images are nearly grey: with vivid random colours SimSiam matches
colours and learns nothing. Other properties shared by both views of an image (a gradient, polarity, strong
noise, large differences in brightness) were tried and turned out to be shortcuts too.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from simsiam_core.data.cache import Progress
from simsiam_core.data.image_set import ImageSet, Splits

VERSION = 1  # increment when the images change
TRAIN_COUNT, TEST_COUNT = 4_000, 1_000
_CHUNK_PIXELS = 1 << 20

TAU = 2 * math.pi
Pattern = Callable[[Tensor, Tensor, Tensor], Tensor]


def _wave(t: Tensor) -> Tensor:
    return torch.sin(TAU * t)


def _to_integer(t: Tensor) -> Tensor:
    return (t - t.round()).abs()


def _bricks(u: Tensor, v: Tensor, _: Tensor) -> Tensor:
    across = 0.5 * u + 0.5 * torch.floor(v).remainder(2)
    joint = torch.minimum(_to_integer(v), 2 * _to_integer(across))
    return 12 * (joint - 0.12)


def _clouds(u: Tensor, v: Tensor, random: Tensor) -> Tensor:
    """Draw six plane waves in random directions, at 0.1 to 0.7 of the base frequency; mostly dark."""
    waves = [
        _wave((0.1 + 0.6 * r[1]) * (u * torch.cos(TAU * r[0]) + v * torch.sin(TAU * r[0])) + r[2])
        for r in random[:18].view(6, 3, -1, 1, 1).unbind()
    ]
    return torch.stack(waves).sum(0) - 1.5


def _mosaic(u: Tensor, v: Tensor, random: Tensor) -> Tensor:
    """Draw a repeated 8 × 8 mosaic of square tiles in random greys, mostly light."""
    tile = (8 * torch.floor(u).remainder(8) + torch.floor(v).remainder(8)).long()
    return 2.5 * (2 * random[:, :, 0, 0].T.gather(1, tile.flatten(1)).view(u.shape) - 0.7)


def _spokes(u: Tensor, v: Tensor, random: Tensor) -> Tensor:
    count = 5 + torch.floor(6 * random[0])
    return torch.sin(count * torch.atan2(v, u) + TAU * random[1])


# Functions of coordinates u and v [n, S, S], in pattern periods, and random numbers [64, n, 1, 1] in 0..1.
PATTERNS: dict[str, Pattern] = {
    "bricks": _bricks,
    "checks": lambda u, v, _: 4 * _wave(u / 1.4) * _wave(v / 1.4),
    "clouds": _clouds,
    "dots": lambda u, v, _: 8 * (0.25 - torch.hypot(u - u.round(), v - v.round())),
    "grid": lambda u, v, _: 10 * (0.1 - torch.minimum(_to_integer(u), _to_integer(v))),
    "honeycomb": lambda u, v, _: (
        _wave(v) + _wave(0.866 * u - 0.5 * v + 1 / 3) - _wave(0.866 * u + 0.5 * v + 1 / 6)
    ),
    "mosaic": _mosaic,
    "rings": lambda u, v, random: _wave(torch.hypot(u, v) + random[0]),
    "spokes": _spokes,
    "stripes": lambda u, v, _: 3 * _wave(u),
}


def generate_textures(image_size: int, progress: Progress) -> tuple[Splits, str]:
    """Generate 4,000 training and 1,000 test images, the same on every call, and a name that identifies them.

    Ids are of the form "train/dots/00017".
    """
    train = _image_set("train", TRAIN_COUNT, image_size, lambda f: progress(0.8 * f, "Drawing textures"))
    test = _image_set("test", TEST_COUNT, image_size, lambda f: progress(0.8 + 0.2 * f, "Drawing textures"))
    return Splits(train, test), f"textures-{VERSION}-{image_size}"


def _image_set(part: str, count: int, size: int, progress: Callable[[float], None]) -> ImageSet:
    generator = torch.Generator().manual_seed(1 if part == "train" else 2)
    each, per_chunk = count // len(PATTERNS), max(1, _CHUNK_PIXELS // size**2)
    images = torch.empty(count, 3, size, size, dtype=torch.uint8)
    for label, pattern in enumerate(PATTERNS.values()):
        progress(label / len(PATTERNS))
        for start in range(0, each, per_chunk):
            rows = torch.arange(start, min(start + per_chunk, each)) * len(PATTERNS) + label
            images[rows] = draw(pattern, len(rows), size, generator)
    names = tuple(PATTERNS)
    labels = torch.arange(count) % len(names)
    ids = tuple(f"{part}/{names[i % len(names)]}/{i // len(names):05d}" for i in range(count))
    return ImageSet(images, labels, names, ids)


def draw(pattern: Pattern, count: int, size: int, generator: torch.Generator) -> Tensor:
    """Draw `count` images of one class, uint8 [count, 3, size, size]."""

    def uniform(low: float, high: float, channels: int = 1) -> Tensor:
        drawn = torch.rand(channels, count, 1, 1, generator=generator) * (high - low) + low
        return drawn if channels > 1 else drawn[0]

    steps = (torch.arange(size) + 0.5) / size - 0.5
    y, x = steps[:, None] - uniform(-0.45, 0.45), steps - uniform(-0.45, 0.45)
    angle, periods = uniform(0, TAU), 3 * 2 ** uniform(0, 1)
    u = periods * (x * torch.cos(angle) + y * torch.sin(angle))
    v = periods * (y * torch.cos(angle) - x * torch.sin(angle))
    shape = torch.tanh(uniform(1.4, 1.6) * pattern(u, v, uniform(0, 1, 64)))
    grey = uniform(0.35, 0.65) + uniform(0.2, 0.4) * shape
    grey = grey + 0.05 * torch.randn(count, size, size, generator=generator)
    tinted = grey * uniform(0.95, 1.05, 3)
    return (tinted * 255).round().clamp(0, 255).to(torch.uint8).transpose(0, 1)
