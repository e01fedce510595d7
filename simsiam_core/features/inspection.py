"""Queries about images for the dashboard and the command line: plain data in, plain data out.

Every function can run inside `worker.InspectionWorker` or in the caller's own process. Loaded data sets,
encoders and banks are kept in bounded caches of that process, so that later queries are fast. Torch is
imported inside the functions, so that a server that only submits them and reads the results does not import
it. Invalid input raises ConfigError, RunError, CheckpointError or ImageError, each with a one-sentence
message.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from simsiam_core.config import ConfigError
from simsiam_core.runs import RunDirectory

if TYPE_CHECKING:
    from torch import Tensor

    from simsiam_core.data import ImageSet, Progress

Pixels = np.ndarray  # uint8 [S, S, 3]


@dataclass(frozen=True)
class ImageRecord:
    """An image of a data set."""

    id: str
    label: str | None
    pixels: Pixels = field(repr=False)


@dataclass(frozen=True)
class Page:
    """A page of images of a split, out of `total` that match the filter."""

    images: tuple[ImageRecord, ...]
    total: int
    classes: tuple[str, ...]


def prepare(run_path: Path, checkpoint: str, split: str, progress: Progress | None = None) -> int:
    """Encode a split with a checkpoint unless it is cached; returns its number of images."""
    from simsiam_core.features import loaded

    run = RunDirectory(run_path)
    return len(loaded.bank(run, run.checkpoint(checkpoint), split, progress))


def network_inputs(
    run_path: Path, contents: tuple[bytes, ...], progress: Progress | None = None
) -> tuple[Pixels | None, ...]:
    """Return image files as the run's network sees them; None for each that cannot be read."""
    from simsiam_core.data import ImageError, read_image

    size = RunDirectory(run_path).config().data.image_size
    seen: list[Pixels | None] = []
    for content in contents:
        try:
            seen.append(pixels(read_image(content, size)))
        except ImageError:
            seen.append(None)
    return tuple(seen)


def is_encoded(run_path: Path, checkpoint: str, split: str, progress: Progress | None = None) -> bool:
    """Return whether the features of a split are cached, so that queries on it need no encoding."""
    from simsiam_core.features import loaded

    run = RunDirectory(run_path)
    return loaded.has_bank(run, run.checkpoint(checkpoint), split)


def image_records(
    run_path: Path, split: str, ids: tuple[str, ...], progress: Progress | None = None
) -> tuple[ImageRecord, ...]:
    """Return the images with the given ids, in that order; ids that are not in the split are skipped."""
    from simsiam_core.features import loaded

    images = loaded.split(RunDirectory(run_path).config().data, split, progress)
    found = []
    for image_id in ids:
        with suppress(KeyError):
            found.append(image_record(images, images.index_of(image_id)))
    return tuple(found)


def browse(
    run_path: Path,
    split: str,
    count: int,
    offset: int = 0,
    seed: int | None = None,
    label: str | None = None,
    progress: Progress | None = None,
) -> Page:
    """Return `count` images of a split from `offset`, shuffled by `seed` and of class `label` if given."""
    import torch

    from simsiam_core.features import loaded

    images = loaded.split(RunDirectory(run_path).config().data, split, progress)
    rows = torch.arange(len(images))
    if label is not None:
        if images.labels is None or label not in images.classes:
            known = ", ".join(images.classes) or "none"
            raise ConfigError.at("label", f"There is no class {label!r}; the classes are: {known}.")
        rows = rows[images.labels == images.classes.index(label)]
    if seed is not None:
        rows = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))]
    chosen = rows[max(0, offset) :][: max(0, count)].tolist()
    return Page(tuple(image_record(images, row) for row in chosen), len(rows), images.classes)


def image_record(images: ImageSet, row: int) -> ImageRecord:
    """Return the record of one image of a set."""
    label = None if images.labels is None else images.classes[int(images.labels[row])]
    return ImageRecord(images.ids[row], label, pixels(images.images[row]))


def pixels(image: Tensor) -> Pixels:
    """Return uint8 [3, S, S] as [S, S, 3], copied out of any memory map."""
    return np.array(image.permute(1, 2, 0).numpy(), order="C")
