"""Nearest-neighbour retrieval: the images of a data set most similar to a query in feature space.

Plain data in, plain data out, like `inspection`, and callable in the worker process. Torch is imported inside
the functions. Invalid input raises ConfigError, RunError, CheckpointError or ImageError, each with a
one-sentence message.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from simsiam_core.config import ConfigError, DataConfig, parse
from simsiam_core.features.inspection import ImageRecord, Pixels, image_record, pixels
from simsiam_core.runs import RunDirectory

if TYPE_CHECKING:
    from torch import Tensor

    from simsiam_core.data import ImageSet, Progress
    from simsiam_core.data.image_file import Region
    from simsiam_core.features.bank import FeatureBank
    from simsiam_core.model import Encoder

SMALLEST_REGION = 0.05


@dataclass(frozen=True)
class Neighbour(ImageRecord):
    """An image of the bank with its cosine similarity to the query."""

    similarity: float


@dataclass(frozen=True)
class Question:
    """A retrieval query: the k images of a split most similar to `query`.

    `split` is "train", "test" or `folder_split.folder_split(folder)`. `query` is the content of an image
    file, or the id of an image in either split of the run's data. `region` restricts it to a square part.
    Neighbours vote with weight exp(similarity / temperature); `hide_same` then leaves out images of the
    query's class (of the predicted class, if the query has no label).
    """

    split: str
    query: bytes | str
    k: int
    temperature: float
    region: Region | None = None
    hide_same: bool = False


@dataclass(frozen=True)
class Vote:
    """The vote for one class: its share of the total weight, and its weight (the nearest neighbour has 1)."""

    label: str
    share: float
    weight: float


@dataclass(frozen=True)
class Answer:
    """The neighbours of one query; `votes`, highest first, are empty if the images have no labels."""

    query: Pixels  # as the network sees it
    features: tuple[float, ...]  # of the query, length d
    query_label: str | None  # known if the query is an image of the data set
    neighbours: tuple[Neighbour, ...]
    votes: tuple[Vote, ...]
    seconds: dict[str, float]  # "load" data, encoder and bank; "encode" the query; "search" and vote


def neighbours(
    run_path: Path, checkpoint: str, question: Question, progress: Progress | None = None
) -> Answer:
    """Return the images of a split most similar to the query, and their weighted vote.

    A query that is an image of the split is never among its own neighbours.
    """
    from simsiam_core.features import loaded

    parse({"knn": {"k": question.k, "temperature": question.temperature}})  # validated by the schema
    started = time.perf_counter()
    run = RunDirectory(run_path)
    data, found = run.config().data, run.checkpoint(checkpoint)
    images = loaded.split(data, question.split, progress)
    shown, label, source, row = _query(data, question.split, question.query, question.region)
    own_row = row if source is images else None
    bank = loaded.bank(run, found, question.split, progress)
    loaded.encoder(found)
    loaded_at = time.perf_counter()

    if own_row is not None and question.region is None:
        features = bank.features[own_row : own_row + 1]
    else:
        features = _encode(loaded.encoder(found), shown, bank.device)
    encoded_at = time.perf_counter()

    similarities, rows = _nearest_others(features, bank, own_row, question.k)
    votes = _votes(similarities, rows, bank, question.temperature)
    if question.hide_same and bank.labels is not None and votes and label in (None, *bank.classes):
        hidden = bank.classes.index(label or votes[0].label)
        similarities, rows = _nearest_others(features, bank, own_row, len(bank))
        other = bank.labels[rows[0]] != hidden
        similarities, rows = similarities[:, other][:, : question.k], rows[:, other][:, : question.k]
    similar = tuple(
        Neighbour(**vars(image_record(images, row)), similarity=similarity)
        for row, similarity in zip(rows[0].tolist(), similarities[0].tolist(), strict=True)
    )
    ended = time.perf_counter()
    seconds = {"load": loaded_at - started, "encode": encoded_at - loaded_at, "search": ended - encoded_at}
    return Answer(pixels(shown), tuple(features[0].tolist()), label, similar, votes, seconds)


def query_image(data: DataConfig, question: Question) -> tuple[Tensor, int | None]:
    """Return the query as network input, uint8 [3, S, S], and its row if it is an image of the split itself."""
    from simsiam_core.features import loaded

    shown, _, source, row = _query(data, question.split, question.query, question.region)
    return shown, row if source is loaded.split(data, question.split) else None


def _nearest_others(
    features: Tensor, bank: FeatureBank, own_row: int | None, k: int
) -> tuple[Tensor, Tensor]:
    """Return similarities and rows, each [1, k], of one query's k nearest neighbours, excluding itself."""
    from simsiam_core.features.neighbours import nearest

    similarities, rows = nearest(features, bank.features, k + (own_row is not None))
    others = rows[0] != (-1 if own_row is None else own_row)
    return similarities[:, others][:, :k], rows[:, others][:, :k]


def _votes(similarities: Tensor, rows: Tensor, bank: FeatureBank, temperature: float) -> tuple[Vote, ...]:
    """Return the vote of one query's neighbours by class, highest first; empty without labels."""
    from simsiam_core.features.neighbours import vote

    if bank.labels is None or not rows.numel():
        return ()
    scores = vote(similarities, bank.labels[rows], len(bank.classes), temperature)[0]
    total = float(scores.sum())
    return tuple(
        Vote(bank.classes[index], float(scores[index]) / total, float(scores[index]))
        for index in scores.argsort(descending=True).tolist()
        if scores[index] > 0
    )


def encode_query(
    run: RunDirectory, checkpoint: str, split: str, query: bytes | str, region: Region | None = None
) -> Tensor:
    """Return features [1, d] of an image; `query` and `region` as in `Question`."""
    from simsiam_core.features import loaded

    shown, found = _query(run.config().data, split, query, region)[0], run.checkpoint(checkpoint)
    return _encode(loaded.encoder(found), shown, loaded.bank(run, found, split, None).device)


def _query(
    data: DataConfig, split: str, query: bytes | str, region: Region | None
) -> tuple[Tensor, str | None, ImageSet | None, int]:
    """Return the query as network input, uint8 [3, S, S], and its label, image set and row if in the data."""
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
    shown, label = source.images[row], image_record(source, row).label
    if region is not None:
        size = shown.shape[-1]
        left, top, side = (round(share * size) for share in region)
        side = max(side, 1)
        part = shown[None, :, top : top + side, left : left + side].float()
        resized = F.interpolate(part, size=(size, size), mode="bilinear", antialias=True)
        shown = resized[0].round().clamp(0, 255).byte()
    return shown, label, source, row


def _encode(encoder: Encoder, shown: Tensor, device: str) -> Tensor:
    """Return features [1, d], encoded on the bank's device, or on the CPU if the GPU is out of memory."""
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
