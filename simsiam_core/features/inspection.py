"""What the page and the terminal ask about images: plain data in, plain data out.

Every function runs as well inside `worker.InspectionWorker` as in the caller's own process. What they load
(data sets, encoders, banks) stays in that process, bounded, so that the second question is quick. Torch is
imported by the functions, not here: a server that only names them and reads their answers does without.
Bad input raises ConfigError, RunError, CheckpointError or ImageError: one sentence each.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
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
    """One image of a data set."""

    id: str
    label: str | None
    pixels: Pixels


@dataclass(frozen=True)
class Page:
    """Some images of a split, out of `total` that fit the filter."""

    images: tuple[ImageRecord, ...]
    total: int
    classes: tuple[str, ...]


def prepare(run_path: Path, checkpoint: str, split: str, progress: Progress | None = None) -> int:
    """Encode a split with a checkpoint unless that is done already; returns how many images it has."""
    from simsiam_core.features import loaded

    run = RunDirectory(run_path)
    return len(loaded.bank(run, run.checkpoint(checkpoint), split, progress))


def network_inputs(
    run_path: Path, contents: tuple[bytes, ...], progress: Progress | None = None
) -> tuple[Pixels | None, ...]:
    """Image files as the run's network sees them; None for one that cannot be read."""
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
    """Return whether a split has been decoded and encoded, so that a question about it is answered at once."""
    from simsiam_core.features import loaded

    run = RunDirectory(run_path)
    return loaded.has_bank(run, run.checkpoint(checkpoint), split)


def image_records(
    run_path: Path, split: str, ids: tuple[str, ...], progress: Progress | None = None
) -> tuple[ImageRecord, ...]:
    """Return the images of some ids, in that order; ids that are not in the split are left out."""
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
    """Return images of a split from `offset` on: in its order, or shuffled by `seed`; of one class if `label`."""
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
    """Return one image of a set."""
    label = None if images.labels is None else images.classes[int(images.labels[row])]
    return ImageRecord(images.ids[row], label, pixels(images.images[row]))


def pixels(image: Tensor) -> Pixels:
    """Return uint8 [3, S, S] as [S, S, 3], copied out of any memory map."""
    return np.array(image.permute(1, 2, 0).numpy(), order="C")
