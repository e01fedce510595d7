"""Images on the device that works on them: all of them where they fit, else batch by batch and ahead of time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from simsiam_core.data.memory import fits
from simsiam_core.data.prefetch import Prefetcher


class Placed:
    """Some rows of uint8 images [N, 3, S, S], served on `device` in batches.

    They are copied there if free memory allows. Otherwise they stay where they are, a memory map say, and each batch
    is fetched by way of pinned memory while the one before it is worked on. On a CPU nothing is copied beforehand.
    """

    def __init__(
        self,
        images: Tensor,
        device: torch.device,
        rows: Tensor | None = None,
        resident: bool | None = None,
    ) -> None:
        """Serve `rows`, int64 [n] in main memory, numbered from 0; None serves all.

        `resident` None decides by free memory whether they go to the device.
        """
        count = len(images) if rows is None else len(rows)
        self.resident = fits(count * images[0].nbytes, device) if resident is None else resident
        if self.resident and images.device.type != device.type:
            images, rows = (images if rows is None else images[rows]).to(device), None
        self._images, self._rows = images, rows
        self._prefetcher = None if self.resident else Prefetcher(images, device)

    def batches(self, parts: Sequence[Tensor]) -> Iterator[Tensor]:
        """Yield the images at each of `parts`, int64 row numbers in main memory, one batch after the other."""
        chosen = [part if self._rows is None else self._rows[part] for part in parts]
        for index, rows in enumerate(chosen):
            if self._prefetcher is None:
                yield self._images.index_select(0, rows.to(self._images.device))
            else:
                following = chosen[index + 1] if index + 1 < len(chosen) else None
                yield self._prefetcher.fetch(rows, following)
