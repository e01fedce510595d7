"""Novelty of a query: whether it is unlike anything in a bank, against how alike held-out images are.

Two figures are compared with those of held-out images: the mean similarity to the nearest images of the bank
(deep nearest neighbours, Sun et al. 2022), and how near the query's colours and edges are to those of the
bank's images, which a network that was trained to ignore colour cannot tell. Each alarm is set so that at most
`FALSE_ALARMS` of images like the held-out ones raise either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from simsiam_core.runs import RunDirectory

if TYPE_CHECKING:
    from torch import Tensor

    from simsiam_core.data import ImageSet, Progress
    from simsiam_core.features.bank import FeatureBank
    from simsiam_core.features.loaded import LRUCache
    from simsiam_core.features.retrieval import Question

FORMAT = "1"  # part of the cache key: increment when the same images would get other figures
FALSE_ALARMS = 0.015  # of held-out images, both alarms together; leaves room below 2 %
NEAREST = 5
HELD_OUT = 1000  # images at most
REFERENCE = 4000  # images of the bank, at most, whose colours and edges are compared
SCALES = 3  # at which edges are measured, each half as large as the one before


@dataclass(frozen=True)
class Novelty:
    """How unlike the bank a query is.

    `similarity` is the mean over its nearest images, `usual` what nearly all held-out images reach. `share` is
    the share of held-out images as unlike as this one, by the more telling figure, from 1 / (held_out + 1).
    """

    similarity: float
    usual: float
    share: float
    held_out: int
    by_colours: bool  # the more telling figure is that of colours and edges
    from_test: bool  # held-out images are test images; else images of the bank, each left out in turn

    @property
    def unlike(self) -> bool:
        """Whether the query is unlike anything in the bank."""
        return self.share <= FALSE_ALARMS / 2


@dataclass(frozen=True, eq=False)
class Usual:
    """What is usual in a bank: figures of H held-out images, ascending, and how colours and edges are compared."""

    similar: Tensor  # float32 [H]
    near: Tensor  # float32 [H]: minus the mean distance of colours and edges
    reference: Tensor  # float32 [R, D]: colours and edges of the bank's images, standardised
    mean: Tensor  # float32 [D]
    std: Tensor  # float32 [D]
    from_test: bool

    def judge(self, features: Tensor, image: Tensor, bank: Tensor, own_row: int | None = None) -> Novelty:
        """Return the novelty of one query: features [1, d], image uint8 [3, S, S]; `own_row` is itself in the bank."""
        import torch

        own = None if own_row is None else torch.tensor([own_row])
        similar = nearest_similarity(features, bank, own)[0]
        near = _nearness((colours_and_edges(image[None]) - self.mean) / self.std, self.reference)
        shares = [
            (1 + int((held_out <= value).sum())) / (1 + len(held_out))
            for held_out, value in ((self.similar, similar), (self.near, near))
        ]
        by_colours = shares[1] < shares[0]
        usual = float(self.similar[int(FALSE_ALARMS / 2 * len(self.similar))])
        return Novelty(float(similar), usual, min(shares), len(self.similar), by_colours, self.from_test)


def novelty(
    run_path: Path,
    checkpoint: str,
    question: Question,
    encoded: Sequence[float] | None = None,
    progress: Progress | None = None,
) -> Novelty | None:
    """Return how unlike a split the query of a question is; `encoded` are its features, where they are known.

    None where there are too few images to say, or where the question is about a part of an image, which
    held-out images are no measure for.
    """
    import torch

    from simsiam_core.features import loaded, retrieval

    run = RunDirectory(run_path)
    found = run.checkpoint(checkpoint)
    bank = loaded.bank(run, found, question.split, progress)
    if question.region is not None:
        return None
    known = usual(run, checkpoint, question.split, progress)
    if known is None:
        return None
    shown, own_row = retrieval.query_image(run.config().data, question)
    if encoded is None:
        features = retrieval.encode_query(run, checkpoint, question.split, question.query)
    else:
        features = torch.tensor([encoded])
    return known.judge(features, shown, bank.features, own_row)


def usual(run: RunDirectory, checkpoint: str, split: str, progress: Progress | None = None) -> Usual | None:
    """Return what is usual in a split under a checkpoint, measured once and cached; None for too few images."""
    from simsiam_core.features import loaded, sample

    found = run.checkpoint(checkpoint)
    bank = loaded.bank(run, found, split, progress)
    key = (FORMAT, *loaded.identity(found), loaded.split_fingerprint(run, split), split)
    path = run.projections_dir / f"{sample.hash_of(*key)}-usual.npz"
    return _recent().get(
        path, lambda: _stored(path) or _stored_anew(path, run, checkpoint, split, bank, progress)
    )


@cache
def _recent() -> LRUCache[Usual | None]:
    """What was asked for last, in this process."""
    from simsiam_core.features.loaded import LRUCache

    return LRUCache(4)


def _stored(path: Path) -> Usual | None:
    import torch

    from simsiam_core.features import sample

    if (kept := sample.load_arrays(path)) is None:
        return None
    tensors = {name: torch.from_numpy(array) for name, array in kept.items() if array.ndim}
    return Usual(**tensors, from_test=bool(kept["from_test"]))


def _stored_anew(
    path: Path, run: RunDirectory, checkpoint: str, split: str, bank: FeatureBank, progress: Progress | None
) -> Usual | None:
    import torch

    from simsiam_core.features import sample

    known = _measured(run, checkpoint, split, bank, progress)
    if known is not None:
        tensors = {name: value.numpy() for name, value in vars(known).items() if name != "from_test"}
        sample.save_arrays(path, **tensors, from_test=torch.tensor(known.from_test).numpy())
    return known


def _measured(
    run: RunDirectory, checkpoint: str, split: str, bank: FeatureBank, progress: Progress | None
) -> Usual | None:
    """Measure held-out images: test images if training images are the bank, else some of the bank itself."""
    from simsiam_core.features import loaded
    from simsiam_core.features.encode import encode

    data = run.config().data
    images = loaded.split(data, split, progress)
    test = loaded.dataset(data).test if split == "train" else None
    if test is not None and len(test) >= least_held_out():
        held_out = test.select(_spread(len(test), HELD_OUT))
        features = encode(loaded.encoder(run.checkpoint(checkpoint)), held_out, bank.device, progress)
        return measured(bank.features, images, features, held_out)
    if len(images) <= least_held_out():
        return None
    rows = _spread(len(images), HELD_OUT)
    return measured(bank.features, images, bank.features[rows], images.select(rows), rows)


def measured(
    bank: Tensor, images: ImageSet, features: Tensor, held_out: ImageSet, rows: Tensor | None = None
) -> Usual:
    """Measure what is usual in a bank [N, d] of images by held-out ones; `rows` are theirs within the bank."""
    similar = nearest_similarity(features, bank, rows)
    chosen = _spread(len(images), REFERENCE)
    looks = colours_and_edges(images.images[chosen])
    mean, std = looks.mean(dim=0), looks.std(dim=0).clamp(min=1e-6)
    reference = (looks - mean) / std
    of_held_out = (colours_and_edges(held_out.images) - mean) / std
    # An image that is its own nearest would make all others look far away.
    own = None if rows is None else rows[:, None] == chosen[None]
    near = _nearness(of_held_out, reference, own)
    return Usual(similar.sort().values, near.sort().values, reference, mean, std, from_test=rows is None)


def least_held_out() -> int:
    """Return how many held-out images it takes for an alarm so rare."""
    return round(2 / FALSE_ALARMS)


def nearest_similarity(features: Tensor, bank: Tensor, own: Tensor | None = None) -> Tensor:
    """Return the mean similarity [Q] of queries [Q, d] to their nearest rows of the bank; `own` [Q] are their own."""
    from simsiam_core.features.neighbours import search

    similarities, rows = search(features, bank, NEAREST + (own is not None))
    if own is not None:
        similarities = similarities.masked_fill(rows == own[:, None], -1)
    return similarities.topk(min(NEAREST, len(bank) - (own is not None)), dim=1).values.mean(dim=1)


def colours_and_edges(images: Tensor) -> Tensor:
    """Return figures [N, 14] of images uint8 [N, 3, S, S]: means, contrasts, saturation, and edges at some scales."""
    import torch

    parts = [_colours_and_edges(some.float() / 255) for some in images.split(512)]
    return torch.cat(parts)


def _colours_and_edges(images: Tensor) -> Tensor:
    import torch
    from torch.nn import functional as F

    saturation = images.amax(dim=1) - images.amin(dim=1)
    columns = [
        images.mean(dim=(2, 3)),
        images.std(dim=(2, 3)),
        saturation.mean(dim=(1, 2))[:, None],
        saturation.std(dim=(1, 2))[:, None],
    ]
    grey = images.mean(dim=1, keepdim=True)
    for _ in range(SCALES):
        across, down = grey.diff(dim=3).abs(), grey.diff(dim=2).abs()
        columns += [(edges.mean(dim=(1, 2, 3))[:, None] + 1e-3).log() for edges in (across, down)]
        grey = F.avg_pool2d(grey, 2)
    return torch.cat(columns, dim=1)


def _nearness(looks: Tensor, reference: Tensor, own: Tensor | None = None) -> Tensor:
    """Return minus the mean distance [N] of each of N images to its nearest of the reference, itself excluded."""
    import torch

    distances = torch.cdist(looks, reference)
    if own is not None:
        distances = distances.masked_fill(own, torch.inf)
    return -distances.topk(min(NEAREST, len(reference) - 1), dim=1, largest=False).values.mean(dim=1)


def _spread(count: int, most: int) -> Tensor:
    """Return at most `most` of `count` rows, the same at every call."""
    import torch

    return torch.randperm(count, generator=torch.Generator().manual_seed(0))[:most].sort().values
