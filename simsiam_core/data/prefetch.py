"""Prefetching of batches of images that do not fit on the device, overlapped with the preceding step."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor


class Prefetcher:
    """A prefetcher of rows of `images` (uint8 [N, 3, S, S] in main memory or a memory map), one batch ahead.

    A thread gathers into pinned memory and starts the copy to `device` on a separate stream, so neither disk
    nor bus delays the running step. On a CPU nothing is copied, and the thread only handles the page faults
    of the memory map.
    """

    def __init__(self, images: Tensor, device: torch.device) -> None:
        self._images, self._device = images, device
        self._cuda = device.type == "cuda"
        self._stream = torch.cuda.Stream(device) if self._cuda else None
        self._pinned = torch.empty(0, dtype=torch.uint8)
        self._copied: torch.cuda.Event | None = None  # the last copy from pinned memory
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="prefetch")
        self._ahead: tuple[Tensor, Future[Batch]] | None = None

    def fetch(self, rows: Tensor, following: Tensor | None) -> Tensor:
        """Return the images at `rows` on the device; `following` are the next rows to prefetch, if known."""
        ahead, self._ahead = self._ahead, None
        if ahead is None or not torch.equal(ahead[0], rows):
            ahead = rows, self._thread.submit(self._gather, rows)
        batch, copied = ahead[1].result()
        if following is not None:
            self._ahead = following, self._thread.submit(self._gather, following)
        if copied is not None:
            current = torch.cuda.current_stream(self._device)
            current.wait_event(copied)  # only the device waits, not this thread
            batch.record_stream(current)  # keeps its memory from being reused while the step reads it
        return batch

    def _gather(self, rows: Tensor) -> Batch:
        if self._stream is None:
            return self._images[rows], None
        if self._copied is not None:
            self._copied.synchronize()  # then the pinned memory may be overwritten
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
