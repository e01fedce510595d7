"""What is thrown out of the cache: one rule for each folder of it.

What was not used for `days` goes; and if the rest is still larger than `max_bytes`, what was used longest ago goes
first. What was used within the last hour stays in any case. Downloads stay for good, since they need a network.
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
JUST_USED = 3600.0  # seconds; somebody may be about to open it


@dataclass(frozen=True)
class Rule:
    """Of one folder below the cache; each entry in it is kept or goes as a whole."""

    folder: str
    days: float
    max_bytes: float


RULES = (
    Rule("uploads", days=1, max_bytes=5e9),
    Rule("own", days=30, max_bytes=50e9),  # zips of one's own images, unpacked
    Rule("decoded", days=30, max_bytes=50e9),
)


def used(path: Path) -> None:
    """Note that an entry is in use; by its time of writing, since times of reading are seldom kept."""
    with suppress(OSError):  # somebody else's cache, or one that may only be read
        os.utime(path)


def prune(rules: tuple[Rule, ...] = RULES) -> list[Path]:
    """Apply the rules; returns what went. What cannot be removed is left."""
    gone = []
    for rule in rules:
        entries = sorted(_entries(cache_dir() / rule.folder), reverse=True)  # the newest first
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
    """Return when each entry was last used, its bytes, and where it lies. Files beside the folders are not ours."""
    found = []
    with suppress(OSError):
        for path in folder.iterdir():
            with suppress(OSError):
                if path.is_dir() and not path.is_symlink():
                    inside = [p.lstat() for p in path.rglob("*")]
                    found.append((path.stat().st_mtime, sum(s.st_size for s in inside), path))
    return found
