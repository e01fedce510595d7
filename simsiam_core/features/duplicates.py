"""Near-duplicate detection: image pairs that are similar both in features and in pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from simsiam_core.runs import RunDirectory

if TYPE_CHECKING:
    from torch import Tensor

    from simsiam_core.data import ImageSet, Progress
    from simsiam_core.features.sample import Sample

EVERYTHING = 200_000  # images; sample size large enough for any data set that is checked
PAIRS_OF_EACH = 5  # nearest neighbours of an image considered as possible duplicates
CANDIDATES = 50_000  # pairs with the most similar features, whose pixels are then compared
PAIRS_AT_ONCE = 4096  # maximum pairs compared in one batch
BYTES_AT_ONCE = 2**28  # memory limit of one batch


class Pair(NamedTuple):
    """Two images and their agreement, 0 to 1; `row` indexes the checked split, `other_row` `others`."""

    agreement: float
    row: int
    others: ImageSet
    other_row: int
    note: str


def find_duplicates(
    run: RunDirectory,
    checkpoint: str,
    split: str,
    points: Sample,
    similarities: Tensor,
    rows: Tensor,
    progress: Progress | None = None,
) -> list[Pair]:
    """Return pairs within a split and across to the other split, if there is one; highest agreement first.

    `similarities` and `rows` [N, k] are the nearest neighbours of the split's points.
    """
    from simsiam_core.features import loaded

    images = loaded.split(run.config().data, split)
    pairs = _within(points, images, similarities, rows)
    other = {"train": "test", "test": "train"}.get(split)
    if other is None:
        return pairs
    across = _across(run, checkpoint, points, images, other, progress)
    return sorted([*pairs, *across], key=lambda pair: -pair.agreement)


def _within(points: Sample, images: ImageSet, similarities: Tensor, rows: Tensor) -> list[Pair]:
    """Return pairs within a split, each once, highest agreement first."""
    import torch

    k = min(PAIRS_OF_EACH, rows.shape[1])
    first = torch.arange(len(points))[:, None].expand(-1, k).reshape(-1)
    second, alike = rows[:, :k].reshape(-1), similarities[:, :k].reshape(-1)
    low, high = torch.minimum(first, second), torch.maximum(first, second)
    _, once = _first_occurrences(low * len(points) + high)
    return _ranked(images, low[once], images, high[once], alike[once])


def _across(
    run: RunDirectory,
    checkpoint: str,
    points: Sample,
    images: ImageSet,
    other: str,
    progress: Progress | None,
) -> list[Pair]:
    """Return pairs of one image from this split and one from the other split."""
    import torch

    from simsiam_core.features import loaded, sample
    from simsiam_core.features.neighbours import search

    config = run.config().data
    if other == "test" and loaded.dataset(config).test is None:
        return []
    theirs = sample.sampled(run, checkpoint, other, EVERYTHING, progress, least=1)
    similarities, rows = search(theirs.features, points.features, 1)
    where = loaded.split(config, other)
    return _ranked(images, rows[:, 0], where, torch.arange(len(theirs)), similarities[:, 0].clamp(-1, 1))


def _ranked(
    images: ImageSet, rows: Tensor, others: ImageSet, other_rows: Tensor, alike: Tensor
) -> list[Pair]:
    """Rank pairs by agreement: the mean of feature similarity and pixel similarity.

    The network is trained to ignore crops and colours, so features alone would match different images; pixels
    alone would match images with plain backgrounds.
    """
    import torch

    from simsiam_core.features.agreement import pixel_agreement

    best = alike.argsort(descending=True, stable=True)[:CANDIDATES]
    rows, other_rows, alike = rows[best], other_rows[best], alike[best]
    at_once = _pairs_at_once(images.images.shape[-1])
    parts = zip(rows.split(at_once), other_rows.split(at_once), strict=True)
    pixels = torch.cat([pixel_agreement(images.images[a], others.images[b]) for a, b in parts])
    agreement = (alike + pixels) / 2
    order = agreement.argsort(descending=True, stable=True).tolist()
    return [
        Pair(
            float(agreement[i]),
            int(rows[i]),
            others,
            int(other_rows[i]),
            f"features {float(alike[i]):.3f}, pixels {float(pixels[i]):.3f}",
        )
        for i in order
    ]


def _pairs_at_once(side: int) -> int:
    """Return how many pairs of images of this side length are compared in one batch."""
    pair_bytes = 3 * side**2 * (2 + 4 * 4)  # both as uint8, and four float32 copies of one
    return max(1, min(PAIRS_AT_ONCE, BYTES_AT_ONCE // pair_bytes))


def _first_occurrences(keys: Tensor) -> tuple[Tensor, Tensor]:
    """Return the unique keys [U] and the first position of each."""
    import torch

    unique, inverse = torch.unique(keys, return_inverse=True)
    first = torch.full((len(unique),), len(keys)).scatter_reduce_(
        0, inverse, torch.arange(len(keys)), reduce="amin"
    )
    return unique, first
