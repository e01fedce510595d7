"""File locks by `flock`, which the kernel releases however the holding process ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

RUN_LOCK = ".lock"  # in a run's folder; held by the process working on the run


class LockedError(RuntimeError):
    """The error that another process holds the lock; `holder` is the description it wrote."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder


class FileLock:
    """An exclusive lock on `path`, held until `release` or the end of this process. Raises LockedError.

    The descriptor is not inherited, so child processes never hold the lock. `about` is the description shown
    to processes that find it taken.
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
        """Write the description of the holder."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, about.encode(), 0)

    def release(self) -> None:
        """Release the lock."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> FileLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def is_locked(path: Path) -> bool:
    """Return whether a process holds the lock; False if the file cannot be opened.

    Takes a shared lock for an instant, so do not use it on a lock that another process may be about to take.
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
