"""Textures as image files in one folder without labels, whose classes only the measurement knows."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from simsiam_core.config import DataConfig
from simsiam_core.data import load


def write_textures(folder: Path, count: int) -> dict[str, int]:
    """Write `count` textures, all classes alike, as PNG under numbers; returns the class of each by its id."""
    images, class_of = load(DataConfig(source="textures", train_limit=count)).train, dict[str, int]()
    assert images.labels is not None
    folder.mkdir(parents=True)
    for row, label in enumerate(images.labels.tolist()):
        name = f"{row:05d}.png"
        Image.fromarray(images.images[row].permute(1, 2, 0).numpy()).save(folder / name)
        class_of[name] = label
    return class_of
