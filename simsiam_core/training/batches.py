"""Which images form a batch: a function of seed, epoch and batch number, with no state to save or lose."""

from __future__ import annotations

import torch
from torch import Tensor

from simsiam_core.data import ImageSet


def counter_seed(*numbers: int) -> int:
    """One 63-bit seed from several counters (the SplitMix64 mixing steps of Steele et al., 2014)."""
    mask, state = (1 << 64) - 1, 0
    for number in numbers:
        state = (state + number + 0x9E3779B97F4A7C15) & mask
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & mask
        state ^= state >> 31
    return state >> 1


class Batches:
    """Shuffled batches of uint8 images, each epoch in an order of its own; the incomplete last one is dropped."""

    def __init__(self, images: ImageSet, batch_size: int, seed: int) -> None:
        self._images = images.images
        self._batch_size = batch_size
        self._seed = seed
        self._epoch = -1
        self._order = torch.empty(0, dtype=torch.int64)

    def __len__(self) -> int:
        return len(self._images) // self._batch_size

    def to(self, device: torch.device) -> None:
        """Keep the images on the training device, so that no copy stands between steps."""
        self._images = self._images.to(device)

    def batch(self, epoch: int, index: int) -> Tensor:
        """Batch `index` of epoch `epoch`: uint8 `[B, 3, S, S]`."""
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(counter_seed(self._seed, epoch))
            order = torch.randperm(len(self._images), generator=generator)
            self._order, self._epoch = order.to(self._images.device), epoch
        start = index * self._batch_size
        return self._images[self._order[start : start + self._batch_size]]
