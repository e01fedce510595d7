"""Placement of images on a device: all at once if they fit, otherwise batches with prefetching."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from simsiam_core.data.memory import fits
from simsiam_core.data.prefetch import Prefetcher


class Placed:
    """A selection of uint8 images [N, 3, S, S], served on `device` in batches.

    They are copied to the device if free memory allows. Otherwise they stay where they are, for example in a
    memory map, and each batch is prefetched through pinned memory while the one before it is processed. On a
    CPU nothing is copied in advance.
    """

    def __init__(
        self,
        images: Tensor,
        device: torch.device,
        rows: Tensor | None = None,
        resident: bool | None = None,
    ) -> None:
        """Serve `rows`, int64 [n] in main memory, renumbered from 0; None serves all.

        With `resident` None, free memory decides whether they are copied to the device.
        """
        count = len(images) if rows is None else len(rows)
        self.resident = fits(count * images[0].nbytes, device) if resident is None else resident
        if self.resident and images.device.type != device.type:
            images, rows = (images if rows is None else images[rows]).to(device), None
        self._images, self._rows = images, rows
        self._prefetcher = None if self.resident else Prefetcher(images, device)

    def batches(self, parts: Sequence[Tensor]) -> Iterator[Tensor]:
        """Yield one batch of images for each of `parts`, int64 row indices in main memory."""
        chosen = [part if self._rows is None else self._rows[part] for part in parts]
        for index, rows in enumerate(chosen):
            if self._prefetcher is None:
                yield self._images.index_select(0, rows.to(self._images.device))
            else:
                following = chosen[index + 1] if index + 1 < len(chosen) else None
                yield self._prefetcher.fetch(rows, following)
