"""Batches from images that do not fit on the device: gathered and copied while the step before them runs."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor


class Prefetcher:
    """Gathers rows of `images` (uint8 [N, 3, S, S] in main memory or a memory map) on `device`, one batch ahead.

    A thread gathers into pinned memory and starts the copy on a stream of its own, so neither the disk nor
    the bus holds up the step that runs meanwhile. On a CPU device nothing is copied, and the thread only
    takes the page faults of the memory map.
    """

    def __init__(self, images: Tensor, device: torch.device) -> None:
        self._images, self._device = images, device
        self._cuda = device.type == "cuda"
        self._stream = torch.cuda.Stream(device) if self._cuda else None
        self._pinned = torch.empty(0, dtype=torch.uint8)
        self._copied: torch.cuda.Event | None = None  # the last copy out of the pinned memory
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="prefetch")
        self._ahead: tuple[Tensor, Future[Batch]] | None = None

    def fetch(self, rows: Tensor, following: Tensor | None) -> Tensor:
        """Fetch the images at `rows`, on the device; `following` are the rows that will be asked for next, if known."""
        ahead, self._ahead = self._ahead, None
        if ahead is None or not torch.equal(ahead[0], rows):
            ahead = rows, self._thread.submit(self._gather, rows)
        batch, copied = ahead[1].result()
        if following is not None:
            self._ahead = following, self._thread.submit(self._gather, following)
        if copied is not None:
            current = torch.cuda.current_stream(self._device)
            current.wait_event(copied)  # the device waits, this thread does not
            batch.record_stream(current)  # its memory is not given away while the step still reads it
        return batch

    def _gather(self, rows: Tensor) -> Batch:
        if self._stream is None:
            return self._images[rows], None
        if self._copied is not None:
            self._copied.synchronize()  # the pinned memory may be written again
        shape = (len(rows), *self._images.shape[1:])
        if self._pinned.shape != shape:
            self._pinned = torch.empty(shape, dtype=torch.uint8, pin_memory=True)
        torch.index_select(self._images, 0, rows, out=self._pinned)
        with torch.cuda.stream(self._stream):
            batch = self._pinned.to(self._device, non_blocking=True)
            copied = torch.cuda.Event()
            copied.record(self._stream)
        self._copied = copied
        return batch, copied


Batch = tuple[Tensor, torch.cuda.Event | None]
