"""Which images form a batch: a function of seed, epoch and batch number, with no state to save or lose."""

from __future__ import annotations

import torch
from torch import Tensor

from simsiam_core.data import ImageSet
from simsiam_core.data.memory import fits
from simsiam_core.data.prefetch import Prefetcher
from simsiam_core.training.ranks import Ranks


def counter_seed(*numbers: int) -> int:
    """Mix one 63-bit seed from several counters (the SplitMix64 mixing steps of Steele et al., 2014)."""
    mask, state = (1 << 64) - 1, 0
    for number in numbers:
        state = (state + number + 0x9E3779B97F4A7C15) & mask
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & mask
        state ^= state >> 31
    return state >> 1


class Batches:
    """Shuffled batches of uint8 images, each epoch in an order of its own; the incomplete last one is dropped.

    The images lie on the training device if they fit there. Otherwise they stay where they are (in a memory
    map), and each batch is fetched while the step before it runs: the same batches either way. Each of several
    `ranks` is served its share of every batch.
    """

    def __init__(self, images: ImageSet, batch_size: int, seed: int, ranks: Ranks | None = None) -> None:
        self._images = images.images
        self._batch_size = batch_size
        self._share = (ranks or Ranks()).shard(batch_size)
        self._seed = seed
        self._epoch = -1
        self._order = torch.empty(0, dtype=torch.int64)
        self._prefetcher: Prefetcher | None = None

    def __len__(self) -> int:
        return len(self._images) // self._batch_size

    @property
    def images(self) -> Tensor:
        """uint8 [N, 3, S, S], all of them: on the training device if they fit there, else where they were."""
        return self._images

    @property
    def placement(self) -> str:
        """Where the images lie, as a sentence for the log."""
        size = f"{self._images.nbytes / 1e6:,.0f} MB of images"
        if self._prefetcher is None:
            return f"{size} on the {self._images.device.type}"
        return f"{size} stay in main memory; each batch is fetched while the one before it is trained on"

    def to(self, device: torch.device, resident: bool | None = None) -> None:
        """Serve batches on `device`. `resident` None decides by its free memory whether all images go there."""
        if resident is None:
            resident = fits(self._images.nbytes, device)
        if resident:
            self._images = self._images.to(device)  # a memory map is used as it is on the CPU
        else:
            self._prefetcher = Prefetcher(self._images, device)

    def batch(self, epoch: int, index: int) -> Tensor:
        """Fetch the share of this process of batch `index` of epoch `epoch`: uint8 `[B, 3, S, S]`."""
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(counter_seed(self._seed, epoch))
            order = torch.randperm(len(self._images), generator=generator)
            self._order, self._epoch = order.to(self._images.device), epoch
        rows = self._rows(index)
        if self._prefetcher is None:
            return self._images.index_select(0, rows)  # of bytes, several times as fast as [rows]
        following = self._rows(index + 1) if index + 1 < len(self) else None
        return self._prefetcher.fetch(rows, following)

    def _rows(self, index: int) -> Tensor:
        return self._order[index * self._batch_size : (index + 1) * self._batch_size][self._share]
