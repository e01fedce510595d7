"""Locks that end with their holder, however it ends: `flock` on a file, let go by the kernel."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

RUN_LOCK = ".lock"  # in a run's folder; held by the process that works on the run


class LockedError(RuntimeError):
    """Another process holds the lock; `holder` is what it wrote about itself."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder


class FileLock:
    """Holds the lock on `path` until `release` or the end of this process. Raises LockedError.

    The descriptor is not inherited, so a process started meanwhile never holds it on. `about` is for those
    who find the lock taken.
    """

    def __init__(self, path: Path, about: str = "") -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._descriptor, 4096).decode(errors="replace")
            os.close(self._descriptor)
            raise LockedError(holder) from None
        self.describe(about)

    def describe(self, about: str) -> None:
        """Say who holds it."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, about.encode(), 0)

    def release(self) -> None:
        """Let go."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> FileLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def is_locked(path: Path) -> bool:
    """Return whether somebody holds the lock; nobody does if the file cannot be opened.

    It is taken and let go for an instant, so not to be asked of a lock that others may be about to take.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks
        return False
    finally:
        os.close(descriptor)
    return False
