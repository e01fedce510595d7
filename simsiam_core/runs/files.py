"""Atomic file writes: a reader never sees half a file, even after a power cut."""

from __future__ import annotations

import errno
import os
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

NOT_PERMITTED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
ANYBODY = 0o666  # minus the umask, as for any newly created file


def remove_leftovers(folder: Path) -> None:
    """Delete partial files of killed processes; only for a folder that no process is writing to."""
    for path in folder.glob(".*.part"):
        path.unlink(missing_ok=True)


@contextmanager
def replacing(target: Path, *, durable: bool = False, mode: int = ANYBODY) -> Iterator[Path]:
    """Yield a temporary path in the target's folder; rename it onto the target if the block succeeds.

    `durable` also waits for fsync: for files that must survive a power cut. `mode`, minus the umask, sets the
    permissions from the moment the file exists.
    """
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode))
    try:
        yield temporary
        if durable:
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(target: Path, text: str) -> None:
    """Replace a small text file atomically."""
    with replacing(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextmanager
def write_if_permitted(folder: Path, what: str) -> Iterator[None]:
    """Run a block that writes to a cache; if it is not permitted, warn once per folder instead of failing."""
    try:
        yield
    except OSError as error:
        if error.errno not in NOT_PERMITTED:
            raise
        _warn_not_kept(folder, what, error.strerror)


@lru_cache(maxsize=64)
def _warn_not_kept(folder: Path, what: str, reason: str) -> None:
    print(f"{what} cannot be kept in {folder} ({reason}); next time it is worked out again.", file=sys.stderr)


def keep_damaged(path: Path) -> Path:
    """Rename a damaged file to make room for a valid one; returns its new path. Raises OSError."""
    aside = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}")
    path.rename(aside)
    return aside


def version_of(path: Path | str) -> tuple[int, int]:
    """Return a value that changes when a file is replaced (its inode) or written to (its mtime)."""
    try:
        stat = os.stat(path)
    except OSError:
        return (0, 0)
    return stat.st_mtime_ns, stat.st_ino


def readable_version_of(path: Path | str) -> tuple[int, int, int]:
    """Return a value that changes as `version_of` does, and when a file's permissions change (its ctime)."""
    try:
        stat = os.stat(path)
    except OSError:
        return (0, 0, 0)
    return stat.st_mtime_ns, stat.st_ino, stat.st_ctime_ns
