"""Memory that tensors leave behind stays with the process: on a CPU, fetching it anew is a third of a step.

glibc hands freed memory back to the system at once, and every page of the next tensor then costs a fault.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # from malloc.h
_LARGEST = 32 << 20  # bytes; glibc takes no higher limit for what does not get a mapping of its own
_DEFAULT = 128 << 10


@contextmanager
def kept_memory() -> Iterator[None]:
    """Within it, freed memory is used again instead of being given back. Elsewhere than on glibc: nothing."""
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(_TRIM_THRESHOLD, -1)
        libc.mallopt(_MMAP_THRESHOLD, _LARGEST)
    try:
        yield
    finally:
        with suppress(OSError, AttributeError):
            libc = ctypes.CDLL("libc.so.6")
            libc.mallopt(_TRIM_THRESHOLD, _DEFAULT)
            libc.mallopt(_MMAP_THRESHOLD, _DEFAULT)
            libc.malloc_trim(0)
