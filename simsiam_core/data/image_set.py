"""Images in memory or memory-mapped, with labels and stable ids; everything downstream carries ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from simsiam_core.data.left_out import LeftOut

Triple = tuple[float, float, float]  # a figure a channel


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Square images of one size, in a fixed order.

    `images` is uint8 [N, 3, S, S] and may be memory-mapped; `labels` is int64 [N], indices into `classes`,
    or None where nobody labelled the images. `ids` name the images for ever: "train/cat/0001.jpg".
    """

    images: Tensor
    labels: Tensor | None
    classes: tuple[str, ...]
    ids: tuple[str, ...]

    def __post_init__(self) -> None:
        counts = {len(self.images), len(self.ids), len(self.ids if self.labels is None else self.labels)}
        if len(counts) != 1:
            raise ValueError("Images, labels and ids must be equally many.")

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, part: slice) -> ImageSet:
        """Return images that follow one another, not copied."""
        labels = None if self.labels is None else self.labels[part]
        return ImageSet(self.images[part], labels, self.classes, self.ids[part])

    def select(self, indices: Tensor | Sequence[int]) -> ImageSet:
        """Return the images at `indices`, in that order, copied into memory."""
        rows = torch.as_tensor(indices, dtype=torch.int64)
        labels = None if self.labels is None else self.labels[rows]
        return ImageSet(self.images[rows], labels, self.classes, tuple(self.ids[i] for i in rows.tolist()))

    def limit(self, count: int | None) -> ImageSet:
        """Return `count` images, stratified over classes; the whole set for None or when it has no more."""
        if count is None or count >= len(self):
            return self
        labels = torch.zeros(len(self), dtype=torch.int64) if self.labels is None else self.labels
        return self.select(stratified(labels, count))

    def index_of(self, image_id: str) -> int:
        """Return the row of an image. Raises KeyError, whose only argument is a sentence, for an unknown id."""
        try:
            return self._rows[image_id]
        except KeyError:
            raise KeyError(f"There is no image {image_id!r} among these {len(self):,}.") from None

    def image(self, image_id: str) -> Tensor:
        """Return one image, uint8 [3, S, S]. Raises KeyError as `index_of` does."""
        return self.images[self.index_of(image_id)]

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {image_id: row for row, image_id in enumerate(self.ids)}


@dataclass(frozen=True, eq=False)
class Splits:
    """What a source gives: images to train on, images to test on, and why others were left out.

    `notes` are sentences for a person: what was understood of a folder, what a split lacks.
    """

    train: ImageSet
    test: ImageSet | None
    skipped: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = field(default=(), kw_only=True)


@dataclass(frozen=True, eq=False)
class Dataset(Splits):
    """Splits ready for use.

    `mean` and `std` are those of the training images, per channel, on the scale 0..1; `fingerprint` is
    equal for equal images in equal order; `skipped` names every file left out and says why.
    """

    mean: Triple = (0.5, 0.5, 0.5)
    std: Triple = (0.25, 0.25, 0.25)
    fingerprint: str = ""

    def split(self, name: str) -> ImageSet:
        """Return the split `train` or `test`. Raises ValueError for another name, or where there is no test split."""
        chosen = {"train": self.train, "test": self.test}.get(name)
        if chosen is None:
            known = "'train' or 'test'" if self.test is not None else "'train'"
            raise ValueError(f"These images have no split {name!r}; choose {known}.")
        return chosen


def stratified(labels: Tensor, count: int, seed: int = 0, keep: int = 0) -> Tensor:
    """Choose `count` row indices, ascending; each class keeps its share to within one image where that is possible.

    Shares are rounded by largest remainder; then each class left without one takes it from the largest, as long
    as that has two. `keep` images of each class are never taken, so that fewer than `count` may be.
    Which images are taken is random but the same on every call. `labels`: int64 [N] with N ≥ count.
    """
    shuffled = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    taken = _shares(torch.bincount(labels), count, keep)
    by_class = [shuffled[labels[shuffled] == c][: taken[c]] for c in range(len(taken))]
    return torch.cat(by_class).sort().values


def _shares(sizes: Tensor, count: int, keep: int) -> Tensor:
    """Return how many images of each class are taken: int64 [classes]."""
    room = (sizes - keep).clamp(min=0)
    count = min(count, int(room.sum()))
    shares = sizes.double() * count / sizes.sum()
    taken = torch.minimum(shares.floor().long(), room)
    while (left_over := count - int(taken.sum())) > 0:
        wanted = (shares - taken).where(taken < room, -torch.inf).argsort(descending=True, stable=True)
        taken[wanted[: min(left_over, int((taken < room).sum()))]] += 1
    for empty in ((taken == 0) & (room > 0)).nonzero()[:, 0].tolist():
        largest = int(taken.argmax())
        if taken[largest] < 2:
            break
        taken[largest] -= 1
        taken[empty] += 1
    return taken
