"""Image sets and data sets: pixels in memory or memory-mapped, with labels and stable ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from simsiam_core.data.image_batch import ImageBatch
from simsiam_core.data.image_file import ImageError
from simsiam_core.data.left_out import LeftOut
from simsiam_core.data.memory import gathered

Triple = tuple[float, float, float]  # one value per channel
Encoded = Path | bytes | ImageError  # an image file, the contents of one, or why there is none


@dataclass(frozen=True, eq=False)
class ImageSet:
    """A set of square images of one size, in a fixed order.

    `images` is uint8 [N, 3, S, S] and may be memory-mapped; `labels` is int64 [N], indices into `classes`,
    or None for unlabelled images. `ids` are permanent names of the images, such as "train/cat/0001.jpg".
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
        """Return a contiguous part of the set as a view, without copying."""
        labels = None if self.labels is None else self.labels[part]
        return ImageSet(self.images[part], labels, self.classes, self.ids[part])

    def select(self, indices: Tensor | Sequence[int]) -> ImageSet:
        """Return the images at `indices`, in that order, copied into memory."""
        rows = torch.as_tensor(indices, dtype=torch.int64)
        labels = None if self.labels is None else self.labels[rows]
        return ImageSet(self.images[rows], labels, self.classes, tuple(self.ids[i] for i in rows.tolist()))

    def limit(self, count: int | None) -> ImageSet:
        """Return `count` images, stratified by class; the whole set for None or if it has no more.

        They are copied, large ones into a file instead of memory. Raises OSError if that cannot be written.
        """
        if count is None or count >= len(self):
            return self
        labels = torch.zeros(len(self), dtype=torch.int64) if self.labels is None else self.labels
        rows = stratified(labels, count)
        chosen = None if self.labels is None else self.labels[rows]
        ids = tuple(self.ids[row] for row in rows.tolist())
        return ImageSet(gathered(self.images, rows), chosen, self.classes, ids)

    def index_of(self, image_id: str) -> int:
        """Return the row of an image. Raises KeyError, with a sentence as its argument, for an unknown id."""
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
    """Training and test images of a source, and the files that were left out.

    `notes` are sentences for the user: how a folder was interpreted, what a split lacks.
    """

    train: ImageSet
    test: ImageSet | None
    skipped: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = field(default=(), kw_only=True)
    # Yields the encoded images of some training ids, in the order of the set; None: there are no such files.
    encoded: Callable[[Sequence[str]], Iterator[Encoded]] | None = field(default=None, kw_only=True)


@dataclass(frozen=True, eq=False)
class Dataset(Splits):
    """A data set ready for use.

    `mean` and `std` are those of the training images, per channel, on the scale 0..1; `fingerprint` is
    equal for equal images in the same order; `skipped` lists every file left out, with the reason.
    `larger` are the training images at the size that crops are cut from, if they are kept larger.
    """

    mean: Triple = (0.5, 0.5, 0.5)
    std: Triple = (0.25, 0.25, 0.25)
    fingerprint: str = ""
    larger: ImageBatch | None = field(default=None, kw_only=True)

    def split(self, name: str) -> ImageSet:
        """Return the split `train` or `test`. Raises ValueError for another name or a missing test split."""
        chosen = {"train": self.train, "test": self.test}.get(name)
        if chosen is None:
            known = "'train' or 'test'" if self.test is not None else "'train'"
            raise ValueError(f"These images have no split {name!r}; choose {known}.")
        return chosen


def stratified(labels: Tensor, count: int, seed: int = 0, keep: int = 0) -> Tensor:
    """Choose `count` row indices, ascending, stratified by class to within one image where possible.

    Shares are rounded by largest remainder; then each class left without an image takes one from the largest
    class, as long as that has two. `keep` images of each class are never chosen, so fewer than `count` may
    be. The choice is random but the same on every call. `labels`: int64 [N] with N ≥ count.
    """
    shuffled = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    taken = _shares(torch.bincount(labels), count, keep)
    by_class = [shuffled[labels[shuffled] == c][: taken[c]] for c in range(len(taken))]
    return torch.cat(by_class).sort().values


def _shares(sizes: Tensor, count: int, keep: int) -> Tensor:
    """Return the number of images to take from each class, int64 [classes]."""
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
