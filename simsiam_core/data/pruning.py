"""Pruning of the cache by age and size, with one rule per folder.

Entries not used for `days` are removed; if the rest still exceeds `max_bytes`, the least recently used are
removed first. Entries used within the last hour are kept. Downloads are never removed, since they need a
network.
"""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from simsiam_core.config.cache import cache_dir

DAY = 24 * 3600.0
JUST_USED = 3600.0  # seconds; a process may be about to open it


@dataclass(frozen=True)
class Rule:
    """A pruning rule for one folder of the cache; each entry in it is kept or removed as a whole."""

    folder: str
    days: float
    max_bytes: float


RULES = (
    Rule("uploads", days=1, max_bytes=5e9),
    Rule("own", days=30, max_bytes=50e9),  # unpacked zips of user images
    Rule("decoded", days=30, max_bytes=50e9),
)


def used(path: Path) -> None:
    """Mark an entry as used by updating its modification time, since access times are often disabled."""
    with suppress(OSError):  # another user's cache, or a read-only one
        os.utime(path)


def prune(rules: tuple[Rule, ...] = RULES) -> list[Path]:
    """Apply the rules and return the removed entries. Entries that cannot be removed are left."""
    gone = []
    for rule in rules:
        entries = sorted(_entries(cache_dir() / rule.folder), reverse=True)  # newest first
        now, total = time.time(), 0
        for moment, size, path in entries:
            total += size
            age = now - moment
            if age > rule.days * DAY or (total > rule.max_bytes and age > JUST_USED):
                total -= size
                shutil.rmtree(path, ignore_errors=True)
                gone.append(path)
    return gone


def _entries(folder: Path) -> list[tuple[float, int, Path]]:
    """Return the time of last use, size in bytes and path of each entry. Only folders are entries."""
    found = []
    with suppress(OSError):
        for path in folder.iterdir():
            with suppress(OSError):
                if path.is_dir() and not path.is_symlink():
                    inside = [p.lstat() for p in path.rglob("*")]
                    found.append((path.stat().st_mtime, sum(s.st_size for s in inside), path))
    return found
