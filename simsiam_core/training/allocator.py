"""Malloc settings that keep freed tensor memory: page faults would take a third of a training step on a CPU.

By default glibc gives every large tensor a memory map of its own, unmaps it on free, and returns free memory
at the top of the heap; every page of the next tensor then costs a page fault. `mallopt` raises both
thresholds, so that freed memory stays on the heap and is reused. The environment variables
MALLOC_TRIM_THRESHOLD_ and MALLOC_MMAP_THRESHOLD_ would do the same, but glibc reads them at process start,
and a foreground run has no launcher that could set them.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # parameters of mallopt, from malloc.h
_NEVER_TRIM = -1
_LARGEST_ON_HEAP = 32 << 20  # bytes; the highest M_MMAP_THRESHOLD that glibc accepts
_DEFAULT = 128 << 10  # bytes; glibc's default for both thresholds


@contextmanager
def keep_freed_memory() -> Iterator[None]:
    """Set malloc's thresholds so that freed memory is reused; on exit, restore them and release it.

    Does nothing if the C library is not glibc.
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
