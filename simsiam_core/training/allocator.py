"""Keeps the memory of freed tensors in the process: on a CPU, fetching it anew is a third of a training step.

By default glibc maps every large tensor by itself and unmaps it when it is freed, and returns free memory at the top
of the heap; each page of the next tensor then costs a fault. `mallopt` raises both thresholds, so that freed memory
stays on the heap and is used again. The environment variables MALLOC_TRIM_THRESHOLD_ and MALLOC_MMAP_THRESHOLD_ would
do the same, but glibc reads them when a process starts: a run in the foreground has no launcher that could set them.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # parameters of mallopt, from malloc.h
_NEVER_TRIM = -1
_LARGEST_ON_HEAP = (
    32 << 20
)  # bytes; the highest limit that glibc takes for what does not get a mapping of its own
_DEFAULT = 128 << 10  # bytes; of both


@contextmanager
def keep_freed_memory() -> Iterator[None]:
    """Set malloc's thresholds so that freed memory is used again; at the end, restore them and give it back.

    Does nothing where the C library is not glibc.
    """
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(_TRIM_THRESHOLD, _NEVER_TRIM)
        libc.mallopt(_MMAP_THRESHOLD, _LARGEST_ON_HEAP)
    try:
        yield
    finally:
        with suppress(OSError, AttributeError):
            libc = ctypes.CDLL("libc.so.6")
            libc.mallopt(_TRIM_THRESHOLD, _DEFAULT)
            libc.mallopt(_MMAP_THRESHOLD, _DEFAULT)
            libc.malloc_trim(0)
