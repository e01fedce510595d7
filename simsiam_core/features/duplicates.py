"""Near-duplicates: pairs of images that a network and their pixels both find alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from simsiam_core.runs import RunDirectory

if TYPE_CHECKING:
    from torch import Tensor

    from simsiam_core.data import ImageSet, Progress
    from simsiam_core.features.sample import Sample

EVERYTHING = 200_000  # images; a sample as large as any data set that is checked
PAIRS_OF_EACH = 5  # nearest neighbours of an image considered as possible duplicates
CANDIDATES = 50_000  # pairs most similar to the network, whose pixels are then compared
PAIRS_AT_ONCE = 4096  # whose pixels are in memory together, if they are small,
BYTES_AT_ONCE = 2**28  # and what these may take


class Pair(NamedTuple):
    """Two images and how far they agree, 0 to 1; `row` in the split that is checked, `other_row` in `others`."""

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
    """Return pairs within a split and between it and the other split, if there is one; highest agreement first.

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
    """Return pairs of an image of this split and one of the other split."""
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
    """Rank pairs by agreement: the mean of the network's similarity and that of the pixels.

    The network is trained to ignore crops and colours, so on its own it calls different images equal; pixels
    on their own are misled by plain backgrounds.
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
    """Return how many pairs of images of that side are compared together."""
    pair_bytes = 3 * side**2 * (2 + 4 * 4)  # both as bytes, and four copies of one as floats
    return max(1, min(PAIRS_AT_ONCE, BYTES_AT_ONCE // pair_bytes))


def _first_occurrences(keys: Tensor) -> tuple[Tensor, Tensor]:
    """Return the distinct keys [U] and the first position of each."""
    import torch

    unique, inverse = torch.unique(keys, return_inverse=True)
    first = torch.full((len(unique),), len(keys)).scatter_reduce_(
        0, inverse, torch.arange(len(keys)), reduce="amin"
    )
    return unique, first
