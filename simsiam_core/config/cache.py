"""Where the cache lies. Not beside what is kept in it: the server asks long before it has imported torch."""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir() -> Path:
    """Where downloads, decoded pictures and uploads are kept: $SIMSIAM_CACHE, or ~/.cache/simsiam-dashboard."""
    chosen = os.environ.get("SIMSIAM_CACHE")
    return Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "simsiam-dashboard"


def uploads_dir() -> Path:
    """Where the page's uploads arrive."""
    return cache_dir() / "uploads"
