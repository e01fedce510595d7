"""Shuffled training batches as a function of seed, epoch and batch number: there is no state to save."""

from __future__ import annotations

import torch
from torch import Tensor

from simsiam_core.data import ImageSet
from simsiam_core.data.image_batch import ImageBatch
from simsiam_core.data.memory import fits
from simsiam_core.data.prefetch import Prefetcher
from simsiam_core.training.ranks import Ranks


def counter_seed(*numbers: int) -> int:
    """Mix several counters into one 63-bit seed (the SplitMix64 mixing steps of Steele et al., 2014)."""
    mask, state = (1 << 64) - 1, 0
    for number in numbers:
        state = (state + number + 0x9E3779B97F4A7C15) & mask
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & mask
        state ^= state >> 31
    return state >> 1


class Batches:
    """Shuffled batches of uint8 images, reshuffled every epoch; the incomplete last batch is dropped.

    The images are kept on the training device if they fit. Otherwise they stay where they are (in a memory
    map), and each batch is prefetched during the step before it: the batches are the same either way. Each of
    several `ranks` gets its share of every batch. Where the images are kept `larger` as well, in the same
    order, batches are of those, and the square ones stay where they are.
    """

    def __init__(
        self,
        images: ImageSet,
        batch_size: int,
        seed: int,
        ranks: Ranks | None = None,
        larger: ImageBatch | None = None,
    ) -> None:
        self._images = images.images
        self._larger = larger
        self._batch_size = batch_size
        self._share = (ranks or Ranks()).shard(batch_size)
        self._seed = seed
        self._epoch = -1
        self.rows = torch.empty(0, dtype=torch.int64)  # of the images in the last batch served, among all
        self._order = torch.empty(0, dtype=torch.int64)
        self._prefetcher: Prefetcher[Tensor] | Prefetcher[ImageBatch] | None = None

    def __len__(self) -> int:
        return len(self._images) // self._batch_size

    @property
    def images(self) -> Tensor:
        """All images, uint8 [N, 3, S, S]: on the training device if they fit, else where they were loaded."""
        return self._images

    @property
    def _served(self) -> Tensor | ImageBatch:
        return self._images if self._larger is None else self._larger

    @property
    def placement(self) -> str:
        """Location of the images, as a sentence for the log."""
        served = self._served
        size = f"{served.nbytes / 1e6:,.0f} MB of images"
        if self._prefetcher is None:
            return f"{size} on the {served.device.type}"
        return f"{size} stay in main memory; each batch is fetched while the one before it is trained on"

    def to(self, device: torch.device, resident: bool | None = None) -> None:
        """Serve batches on `device`. With `resident` None, its free memory decides whether all images move."""
        served = self._served
        if resident is None:
            resident = fits(served.nbytes, device)
        # No copy on the CPU: a memory map is used directly.
        if isinstance(served, ImageBatch):
            self._larger = served.to(device) if resident else served
            self._prefetcher = None if resident else Prefetcher(served, device)
        else:
            self._images = served.to(device) if resident else served
            self._prefetcher = None if resident else Prefetcher(served, device)

    def batch(self, epoch: int, index: int) -> Tensor | ImageBatch:
        """Return this process's share of batch `index` of epoch `epoch`: uint8 `[B, 3, S, S]`, or larger images."""
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(counter_seed(self._seed, epoch))
            order = torch.randperm(len(self._images), generator=generator)
            self._order, self._epoch = order.to((self._served).device), epoch
        rows = self.rows = self._rows(index)
        if self._prefetcher is None:
            if self._larger is not None:
                return self._larger.select(rows)
            return self._images.index_select(0, rows)  # several times faster than [rows] for uint8
        following = self._rows(index + 1) if index + 1 < len(self) else None
        return self._prefetcher.fetch(rows, following)

    def _rows(self, index: int) -> Tensor:
        return self._order[index * self._batch_size : (index + 1) * self._batch_size][self._share]
