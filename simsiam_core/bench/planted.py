"""Recall of `diagnose` on near-duplicates and wrong labels planted in a copy of the images."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageEnhance

from simsiam_core.bench.synthetic import own_cache
from simsiam_core.config import ConfigError, merge, parse
from simsiam_core.data import Progress, load
from simsiam_core.features.diagnosis import Thresholds, diagnose
from simsiam_core.model import Encoder, load_encoder
from simsiam_core.runs import RunDirectory, RunStore


def _as_jpeg(image: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, format="jpeg", quality=50)
    return Image.open(buffer).convert("RGB")


def _shifted(image: Image.Image) -> Image.Image:
    side = image.width
    margin = max(1, side // 16)
    return image.crop((margin, margin, side, side)).resize((side, side), Image.Resampling.BILINEAR)


# The kinds of near-duplicates, planted in turn.
CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "re-encoded": _as_jpeg,
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    "cropped": _shifted,
    "mirrored": lambda image: _as_jpeg(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
}


@dataclass(frozen=True)
class Planted:
    """The planted errors: pairs of ids with the kind of change, and ids with a wrong label."""

    copies: dict[frozenset[str], str]
    flipped: frozenset[str]


def measure(
    run: RunDirectory,
    checkpoint: str = "last",
    copies: int = 50,
    flips: int = 100,
    seed: int = 0,
    k: int = Thresholds().k,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Plant errors, check as `diagnose` does, and return how many of them are at the top of each list.

    Half of the copies are put in the test split, if there is one. The run is not changed. Errors already
    present in the images count against the precision.
    """
    config = run.config()
    dataset = load(config.data, progress)
    if dataset.train.labels is None or len(dataset.train.classes) < 2:
        raise ConfigError.at("run", "Wrong labels can only be planted where there are labels.")
    if len(dataset.train) < 2 * (copies + flips):
        raise ConfigError.at("run", f"There are too few images to plant {copies} copies and {flips} labels.")
    found_at = run.checkpoint(checkpoint)
    encoder: Encoder = load_encoder(found_at.path)
    with tempfile.TemporaryDirectory() as name, own_cache(Path(name) / "cache"):
        folder = Path(name)
        planted = _plant(folder / "images", dataset, copies, flips, seed)
        data = {"source": "folder", "path": str(folder / "images"), "train_limit": None, "test_limit": None}
        copy = RunStore(folder / "runs").create(parse(merge(config.model_dump(), {"data": data})))
        shutil.copy(found_at.path, copy.checkpoints_dir / "epoch=0000.ckpt")
        limits = Thresholds(duplicate=0, label=0, k=k)
        found = diagnose(copy.path, "epoch=0000", "train", limits, 10 * (copies + flips), 0, progress)
    pairs = [frozenset((f.image.id, f.evidence[0].id)) for f in found.duplicates]
    kinds = [planted.copies.get(pair) for pair in pairs[: 2 * copies]]
    suspects = [f.image.id in planted.flipped for f in found.labels]
    figures: dict[str, Any] = {
        "images": found.checked,
        "features": encoder.dim,
        "near-duplicates planted": copies,
        f"of the first {copies} pairs": sum(kind is not None for kind in kinds[:copies]),
        f"of the first {2 * copies} pairs": sum(kind is not None for kind in kinds),
    }
    for kind in CHANGES:
        planted_here = sum(other == kind for other in planted.copies.values())
        figures[f"{kind}, of {planted_here}, among the first {2 * copies}"] = kinds.count(kind)
    figures |= {
        "labels flipped": flips,
        f"of the first {flips // 2} suspects": sum(suspects[: flips // 2]),
        f"of the first {flips} suspects": sum(suspects[:flips]),
        f"of the first {3 * flips} suspects": sum(suspects[: 3 * flips]),
        f"by chance, of the first {flips}": flips * flips / found.checked,
    }
    return figures


def _plant(root: Path, dataset: Any, copies: int, flips: int, seed: int) -> Planted:
    """Write all images as `<split>/<class>/<number>.png`, with the planted errors among them."""
    train, classes = dataset.train, dataset.train.classes
    generator = np.random.default_rng(seed)
    chosen = generator.permutation(len(train))[: copies + flips]
    doubled, mislabelled = chosen[:copies].tolist(), set(chosen[copies:].tolist())
    pairs: dict[frozenset[str], str] = {}
    flipped = set()

    def save(image: Image.Image, split: str, label: int, name: str) -> str:
        path = root / split / classes[label] / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path, compress_level=1)
        return path.relative_to(root).as_posix()

    ids = []
    for row in range(len(train)):
        label = int(train.labels[row])
        if row in mislabelled:
            label = (label + int(generator.integers(1, len(classes)))) % len(classes)
        ids.append(save(_pil_image(train.images[row]), "train", label, f"{row:06d}"))
        if row in mislabelled:
            flipped.add(ids[-1])
    if dataset.test is not None:
        for row in range(len(dataset.test)):
            save(_pil_image(dataset.test.images[row]), "test", int(dataset.test.labels[row]), f"{row:06d}")
    for i, row in enumerate(doubled):
        kind = list(CHANGES)[i % len(CHANGES)]
        split = "test" if dataset.test is not None and i // len(CHANGES) % 2 else "train"
        copy = CHANGES[kind](_pil_image(train.images[row]))
        pairs[frozenset((ids[row], save(copy, split, int(train.labels[row]), f"copy{i:03d}")))] = kind
    return Planted(pairs, frozenset(flipped))


def _pil_image(pixels: torch.Tensor) -> Image.Image:
    return Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())
