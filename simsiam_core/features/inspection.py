"""What the page and the terminal ask about images: plain data in, plain data out.

Every function runs as well inside `worker.InspectionWorker` as in the caller's own process. What they load
(data sets, encoders, banks) stays in that process, bounded, so that the second question is quick. Torch is
imported by the functions, not here: a server that only names them and reads their answers does without.
Bad input raises ConfigError, RunError, CheckpointError or ImageError: one sentence each.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from simsiam_core.config import ConfigError, DataConfig, parse
from simsiam_core.runs import RunDirectory

if TYPE_CHECKING:
    from torch import Tensor

    from simsiam_core.data import ImageSet, Progress
    from simsiam_core.model import Encoder

Pixels = np.ndarray  # uint8 [S, S, 3]
Region = tuple[float, float, float]  # left, top and side of a square, as shares of the image's side
SMALLEST_REGION = 0.05


@dataclass(frozen=True)
class ImageRecord:
    """One image of a data set."""

    id: str
    label: str | None
    pixels: Pixels


@dataclass(frozen=True)
class Neighbour(ImageRecord):
    """An image of the bank, and its cosine similarity to the query."""

    similarity: float


@dataclass(frozen=True)
class Vote:
    """What one class got: its share of all weight, and its weight, of which the nearest neighbour has 1."""

    label: str
    share: float
    weight: float


@dataclass(frozen=True)
class Answer:
    """The neighbours of one query; `votes`, highest first, are empty where the images have no labels."""

    query: Pixels  # as the network sees it
    query_label: str | None  # if the query is an image of the data set
    neighbours: tuple[Neighbour, ...]
    votes: tuple[Vote, ...]
    seconds: dict[str, float]  # "load" data, encoder and bank; "encode" the query; "search" and vote


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


def neighbours(
    run_path: Path,
    checkpoint: str,
    split: str,
    query: bytes | str,
    k: int,
    temperature: float,
    region: Region | None = None,
    hide_same: bool = False,
    progress: Progress | None = None,
) -> Answer:
    """The k images of a split most alike to `query`, and their weighted vote.

    `split` is "train", "test" or `loaded.folder_split(folder)`. `query` is the content of an image file, or the
    id of an image in either split of the run's data; that image itself is never among its neighbours.
    `region` asks with a part of it. `hide_same` leaves out images of the query's class (of the vote's winner,
    if the query has none) from the neighbours, after they have voted.
    """
    from simsiam_core.features import loaded
    from simsiam_core.features.neighbours import nearest, vote

    knn = parse({"knn": {"k": k, "temperature": temperature}}).knn  # the schema says what is wrong with them
    started = time.perf_counter()
    run = RunDirectory(run_path)
    data, found = run.config().data, run.checkpoint(checkpoint)
    images = loaded.split(data, split, progress)
    shown, label, source, row = _query(data, split, query, region)
    own = row if source is images else None  # the query's row in the bank, if it is there
    bank = loaded.bank(run, found, split, progress)
    loaded.encoder(found)
    loaded_at = time.perf_counter()

    if own is not None and region is None:
        features = bank.features[own : own + 1]
    else:
        features = _encode(loaded.encoder(found), shown, bank.device)
    encoded = time.perf_counter()

    similarities, rows = _others(*nearest(features, bank.features, knn.k + (own is not None)), own, knn.k)
    votes: tuple[Vote, ...] = ()
    if bank.labels is not None and rows.numel():
        scores = vote(similarities, bank.labels[rows], len(bank.classes), knn.temperature)[0]
        total = float(scores.sum())
        votes = tuple(
            Vote(bank.classes[index], float(scores[index]) / total, float(scores[index]))
            for index in scores.argsort(descending=True).tolist()
            if scores[index] > 0
        )
        if hide_same and (label in bank.classes or label is None):
            hidden = bank.classes.index(label or votes[0].label)
            similarities, rows = _others(*nearest(features, bank.features, len(bank)), own, len(bank))
            other = bank.labels[rows[0]] != hidden
            similarities, rows = similarities[:, other][:, : knn.k], rows[:, other][:, : knn.k]
    alike = tuple(
        Neighbour(*_fields(images, row), similarity=similarity)
        for row, similarity in zip(rows[0].tolist(), similarities[0].tolist(), strict=True)
    )
    searched = time.perf_counter()
    seconds = {"load": loaded_at - started, "encode": encoded - loaded_at, "search": searched - encoded}
    return Answer(pixels(shown), label, alike, votes, seconds)


def encode_query(
    run: RunDirectory, checkpoint: str, split: str, query: bytes | str, region: Region | None = None
) -> Tensor:
    """Features [1, d] of an image, given as `neighbours` takes it."""
    from simsiam_core.features import loaded

    shown, found = _query(run.config().data, split, query, region)[0], run.checkpoint(checkpoint)
    return _encode(loaded.encoder(found), shown, loaded.bank(run, found, split, None).device)


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
    """Whether a split has been decoded and encoded, so that a question about it is answered at once."""
    from simsiam_core.features import loaded

    run = RunDirectory(run_path)
    return loaded.has_bank(run, run.checkpoint(checkpoint), split)


def image_records(
    run_path: Path, split: str, ids: tuple[str, ...], progress: Progress | None = None
) -> tuple[ImageRecord, ...]:
    """The images of some ids, in that order; ids that are not in the split are left out."""
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
    """Images of a split from `offset` on: in its order, or shuffled by `seed`; of one class if `label`."""
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
    """One image of a set."""
    return ImageRecord(*_fields(images, row))


def _query(
    data: DataConfig, split: str, query: bytes | str, region: Region | None
) -> tuple[Tensor, str | None, ImageSet | None, int]:
    """The image uint8 [3, S, S] as the network sees it, its label, and where it is in the data, if it is."""
    from torch.nn import functional as F

    from simsiam_core.data import read_image
    from simsiam_core.features import loaded

    if region is not None:
        left, top, side = region
        inside = 0 <= left <= 1 and 0 <= top <= 1 and max(left, top) + side <= 1 + 1e-3
        if not (side >= SMALLEST_REGION and inside):
            raise ConfigError.at(
                "region", "The region must lie within the image and be 5 % of it or more wide."
            )
    if isinstance(query, bytes):
        return read_image(query, data.image_size, region), None, None, -1
    source, row = loaded.find(data, query, split)
    shown, label = source.images[row], _fields(source, row)[1]
    if region is not None:
        size = shown.shape[-1]
        left, top, side = (round(share * size) for share in region)
        side = max(side, 1)
        part = shown[None, :, top : top + side, left : left + side].float()
        resized = F.interpolate(part, size=(size, size), mode="bilinear", antialias=True)
        shown = resized[0].round().clamp(0, 255).byte()
    return shown, label, source, row


def _encode(encoder: Encoder, shown: Tensor, device: str) -> Tensor:
    """Features [1, d], made where those of the bank were; on the CPU where a GPU has no room for it now."""
    from simsiam_core.data import ImageSet
    from simsiam_core.data.memory import is_out_of_memory
    from simsiam_core.features.encode import encode

    query, full = ImageSet(shown[None], None, (), ("query",)), False
    try:
        return encode(encoder, query, device)
    except Exception as problem:
        full = device != "cpu" and is_out_of_memory(problem)
        if not full:
            raise
    return encode(encoder, query)


def _others(similarities: Tensor, rows: Tensor, own: int | None, k: int) -> tuple[Tensor, Tensor]:
    """The first k neighbours of one query [1, …] that are not itself."""
    others = rows[0] != (-1 if own is None else own)
    return similarities[:, others][:, :k], rows[:, others][:, :k]


def _fields(images: ImageSet, row: int) -> tuple[str, str | None, Pixels]:
    label = None if images.labels is None else images.classes[int(images.labels[row])]
    return images.ids[row], label, pixels(images.images[row])


def pixels(image: Tensor) -> Pixels:
    """uint8 [3, S, S] as [S, S, 3], copied out of any memory map."""
    return np.array(image.permute(1, 2, 0).numpy(), order="C")
