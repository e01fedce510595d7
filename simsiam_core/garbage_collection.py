"""Python's garbage collector, kept from looking through the libraries again and again.

Importing torch and Lightning makes half a million objects that stay. The collector goes through them at every
700 new ones, and once more when the process ends: a quarter of the time that a training process takes to import
them, and over a second of its end.
"""

from __future__ import annotations

import atexit
import gc

NEW_OBJECTS = 50_000  # between two looks at the youngest


def reduce_gc_overhead() -> None:
    """Have it look less often, and not at all at the end. For the start of a process, before its imports."""
    gc.set_threshold(NEW_OBJECTS, 20, 10)
    atexit.register(gc.freeze)
