"""Prefetching of batches of images that do not fit on the device, overlapped with the preceding step."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from simsiam_core.data.image_batch import ImageBatch

Images = TypeVar("Images", Tensor, ImageBatch)


class Prefetcher(Generic[Images]):
    """A prefetcher of rows of `images` (uint8 [N, 3, S, S], or an `ImageBatch`, in main memory or a memory map).

    It is one batch ahead.

    A thread gathers into pinned memory and starts the copy to `device` on a separate stream, so neither disk
    nor bus delays the running step. On a CPU nothing is copied, and the thread only handles the page faults
    of the memory map.
    """

    def __init__(self, images: Images, device: torch.device) -> None:
        self._images: Images = images
        self._device = device
        self._cuda = device.type == "cuda"
        self._stream = torch.cuda.Stream(device) if self._cuda else None
        self._pinned = torch.empty(0, dtype=torch.uint8)
        self._copied: torch.cuda.Event | None = None  # the last copy from pinned memory
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="prefetch")
        self._ahead: tuple[Tensor, Future[tuple[Images, torch.cuda.Event | None]]] | None = None

    def fetch(self, rows: Tensor, following: Tensor | None) -> Images:
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

    def _gather(self, rows: Tensor) -> tuple[Images, torch.cuda.Event | None]:
        if self._stream is None:
            return _gathered(self._images, rows, partial(self._buffer, pinned=False)), None
        if self._copied is not None:
            self._copied.synchronize()  # then the pinned memory may be overwritten
        gathered = _gathered(self._images, rows, partial(self._buffer, pinned=True))
        with torch.cuda.stream(self._stream):
            batch = gathered.to(self._device, non_blocking=True)
            copied = torch.cuda.Event()
            copied.record(self._stream)
        self._copied = copied
        return batch, copied

    def _buffer(self, *shape: int, pinned: bool) -> Tensor:
        """Return memory for uint8 of a shape, or longer if flat; pinned is that of the batch before, if it will do."""
        if not pinned:
            return torch.empty(shape, dtype=torch.uint8)
        enough = len(shape) == 1 and self._pinned.ndim == 1 and len(self._pinned) >= shape[0]
        if self._pinned.shape != shape and not enough:
            self._pinned = torch.empty(shape, dtype=torch.uint8, pin_memory=True)
        return self._pinned


def _gathered(images: Tensor | ImageBatch, rows: Tensor, buffer: Callable[..., Tensor]) -> Any:
    """Copy the rows together into a buffer, which is asked for by its shape; returns what `images` is."""
    if isinstance(images, ImageBatch):
        return images.gather(rows, buffer(images.bytes_of(rows)))
    return torch.index_select(images, 0, rows, out=buffer(len(rows), *images.shape[1:]))
