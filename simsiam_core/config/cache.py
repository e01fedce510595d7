"""Location of the cache. Separate from the code that fills it: the server needs it before it imports torch."""

from __future__ import annotations

import os
from pathlib import Path

from simsiam_core.config.homes import scratch_dir, standard_cache
from simsiam_core.config.paths import absolute_path

CACHE_VARIABLE = "SIMSIAM_CACHE"


def cache_dir() -> Path:
    """Return the folder for downloads, decoded images and uploads: $SIMSIAM_CACHE, or `standard_cache`.

    Absolute, and the same in every job: `launch` passes it on, since jobs run in another folder.
    """
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(absolute_path(chosen)) if chosen else standard_cache()


def uploads_dir() -> Path:
    """Return the folder for uploads from the page."""
    return scratch_dir(cache_dir()) / "uploads"


def compiled_dir() -> Path:
    """Return the folder for numba's cache of compiled code."""
    return scratch_dir(cache_dir()) / "numba"
