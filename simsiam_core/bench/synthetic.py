"""Runs of untrained networks with synthetic images and features, for benchmarks without training."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from simsiam_core.bench.untrained import untrained
from simsiam_core.config import parse
from simsiam_core.config.cache import compiled_dir
from simsiam_core.data import load
from simsiam_core.features.bank import bank_path
from simsiam_core.runs import RunDirectory, RunStore

CHECKPOINT = "epoch=0000"
CLASSES = 10
SPREAD = 1.5  # of a class relative to the distance of centres: classes overlap slightly
SIDE = 8  # px


def encoded(store: RunStore, images: Path, count: int) -> RunDirectory:
    """Return a run over `count` tiny training images whose features, 512-dimensional, form ten clusters."""
    generator = np.random.default_rng(0)
    for i in range(count + CLASSES):
        folder = images / ("train" if i < count else "test") / f"class{i % CLASSES}"
        folder.mkdir(parents=True, exist_ok=True)
        pixels = generator.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:06d}.png", compress_level=1)
    run = untrained(
        store,
        parse(
            {
                "data": {"source": "folder", "path": str(images), "image_size": SIDE},
                "model": {"backbone": "resnet18", "stem": "stride2"},
            }
        ),
    )
    dataset = load(run.config().data)
    assert dataset.train.labels is not None
    torch.manual_seed(0)
    centres = F.normalize(torch.randn(CLASSES, 512), dim=1)
    noise = SPREAD * F.normalize(torch.randn(len(dataset.train), 512), dim=1)
    features = F.normalize(centres[dataset.train.labels] + noise, dim=1)
    path = bank_path(run, run.checkpoint(CHECKPOINT), "train", dataset)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, features.numpy())
    return run


@contextmanager
def own_cache(folder: Path) -> Iterator[None]:
    """Use `folder` as the cache within the block, except for code compiled by numba."""
    before = os.environ.get("SIMSIAM_CACHE")
    os.environ.setdefault("NUMBA_CACHE_DIR", str(compiled_dir()))
    os.environ["SIMSIAM_CACHE"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["SIMSIAM_CACHE"]
        else:
            os.environ["SIMSIAM_CACHE"] = before
