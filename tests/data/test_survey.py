from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simsiam_core.config import ConfigError, DataConfig
from simsiam_core.data.survey import SAMPLE, Survey, survey


def folder(
    root: Path, sizes: dict[str, int], side: int = 20, grey: bool = False, alike: bool = False
) -> Path:
    """Classes of noise: in colour or grey, each image anew or all nearly the same."""
    random, same = np.random.default_rng(0), np.random.default_rng(1).integers(0, 256, (side, side, 3))
    for name, count in sizes.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            pixels = random.integers(0, 256, (side, side, 3))
            pixels = (9 * same + pixels) // 10 if alike else pixels
            pixels = pixels[..., :1].repeat(3, 2) if grey else pixels
            Image.fromarray(pixels.astype(np.uint8)).save(root / name / f"{i}.png")
    return root


def surveyed(path: Path, **data: int) -> Survey:
    return survey(DataConfig(source="folder", path=str(path), **data))


def test_counts_sizes_and_colour(tmp_path: Path) -> None:
    seen = surveyed(folder(tmp_path / "a", {"x": 10, "y": 30, "z": 10}, side=20))
    assert (seen.images, sorted(seen.class_sizes), seen.class_size) == (45, [9, 9, 27], 9)  # a tenth held out
    assert (seen.side, seen.smallest, seen.largest, seen.grey) == (20, 20, 20, False)
    assert surveyed(folder(tmp_path / "b", {"x": 10, "y": 10}, grey=True)).grey
    limited = surveyed(tmp_path / "a", train_limit=15)
    assert (limited.images, sorted(limited.class_sizes)) == (15, [3, 3, 9])


def test_how_alike(tmp_path: Path) -> None:
    other = surveyed(folder(tmp_path / "a", {"x": 30}))
    same = surveyed(folder(tmp_path / "b", {"x": 30}, alike=True))
    assert abs(other.alike) < 0.1
    assert same.alike > 0.8


def test_images_without_classes(tmp_path: Path) -> None:
    seen = surveyed(folder(tmp_path, {".": 12}))
    assert (seen.images, seen.class_sizes, seen.class_size, seen.labels) == (12, (), 0, None)


def test_generated_images_are_sampled() -> None:
    seen = survey(DataConfig(source="textures", image_size=16))
    assert (seen.images, seen.class_size, seen.side, len(seen.sample)) == (4000, 400, 16, SAMPLE)


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    path = folder(tmp_path, {"x": 5, "y": 5})
    (path / "x" / "0.png").write_bytes(b"no image")
    whole = surveyed(path)
    assert len(whole.sample) == whole.images - 1
    for file in path.rglob("*.png"):
        file.write_bytes(b"no image")
    with pytest.raises(ConfigError, match="can be read"):
        surveyed(path)
