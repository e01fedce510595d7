"""Where the cache lies. Not beside what is kept in it: the server asks long before it has imported torch."""

from __future__ import annotations

import os
from pathlib import Path

from simsiam_core.config.homes import scratch_dir, standard_cache
from simsiam_core.config.paths import absolute_path

CACHE_VARIABLE = "SIMSIAM_CACHE"


def cache_dir() -> Path:
    """Return where downloads, decoded images and uploads are kept: $SIMSIAM_CACHE, or `standard_cache`.

    Absolute, and the same in every job: `launch` hands it on, since jobs run in another folder.
    """
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(absolute_path(chosen)) if chosen else standard_cache()


def uploads_dir() -> Path:
    """Return where the page's uploads arrive."""
    return scratch_dir(cache_dir()) / "uploads"


def compiled_dir() -> Path:
    """Return where numba keeps what it has compiled."""
    return scratch_dir(cache_dir()) / "numba"
