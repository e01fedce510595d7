"""Locks as files, for shared file systems too, where `flock` may be missing or local to each machine.

A lock is a file that appears at once with its owner's identity, by a hard link to a temporary file (atomic on
NFS); the owner renews it every few seconds. Whether the owner is alive is asked of the process table if it is
on this machine. Elsewhere its renewals decide: judged by whether they change, since clocks differ.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import threading
import time
from pathlib import Path
from typing import Any

from simsiam_core.runs.lock_file import (
    DOUBT_SECONDS,
    RENEW_SECONDS,
    MissingLockError,
    Owner,
    bury,
    create,
    held_by_earlier_version,
    is_held,
    is_here,
    read,
    written,
)
from simsiam_core.runs.processes import machine_id, process_alive, process_identity

RUN_LOCK = ".lock"  # in a run's folder; held by the process working on the run


class LockedError(RuntimeError):
    """The error that another process holds the lock; `holder` is the description it wrote."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder


class FileLock:
    """An exclusive lock on `path`, held until `release` or the end of this process. Raises LockedError.

    `about` is the description shown to processes that find it taken.
    """

    def __init__(self, path: Path, about: str = "") -> None:
        self._name = path.name
        self._folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)  # may be moved
        pid, started = process_identity(os.getpid())
        self._owner: Owner | None = Owner(
            token=secrets.token_hex(8),
            pid=pid,
            pid_started=started,
            boot=machine_id(),
            host=socket.gethostname(),
            job=os.environ.get("SLURM_JOB_ID", ""),
            folder=os.fstat(self._folder).st_ino,
            renewed=time.time(),
            about=about,
        )
        self._writing = threading.Lock()
        try:
            self._acquire(self._owner)
        except BaseException:
            self._close()
            raise
        _RENEWER.add(self)

    def describe(self, about: str) -> None:
        """Write the description of the holder."""
        self._write(about=about)

    def renew(self) -> None:
        """Write that the owner is alive."""
        with contextlib.suppress(OSError):  # a full disk, or a folder that was deleted
            self._write(renewed=time.time())

    def release(self) -> None:
        """Release the lock."""
        _RENEWER.discard(self)
        with self._writing:
            if self._owner is None:
                return
            if self._is_ours():
                with contextlib.suppress(OSError):  # the folder was deleted
                    os.unlink(self._name, dir_fd=self._folder)
            self._close()

    def __enter__(self) -> FileLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _acquire(self, owner: Owner) -> None:
        while not create(self._name, owner, self._folder):
            try:
                found = read(self._name, self._folder)
            except MissingLockError:  # just released
                continue
            if is_held(found, owner, self._name, self._folder):
                raise LockedError(found.about if isinstance(found, Owner) else "")
            if not bury(self._name, found, self._folder):
                raise LockedError("")

    def _write(self, **changes: Any) -> None:
        with self._writing:
            if self._owner is None:
                return
            self._owner = self._owner.model_copy(update=changes)
            if not self._is_ours():
                return  # lost, after a suspension that others took for an end
            temporary = written(self._name, self._owner, self._folder)
            os.replace(temporary, self._name, src_dir_fd=self._folder, dst_dir_fd=self._folder)

    def _is_ours(self) -> bool:
        try:
            found = read(self._name, self._folder)
        except (MissingLockError, OSError):
            return False
        return found is not None and self._owner is not None and found.token == self._owner.token

    def _close(self) -> None:
        self._owner = None
        os.close(self._folder)


def is_locked(path: Path) -> bool:
    """Return whether a living process holds the lock; False if the file cannot be read.

    Never waits: an owner on another machine counts as alive until `DOUBT_SECONDS` after its last renewal.
    """
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        found = read(path.name, folder)
        if found is None:
            return held_by_earlier_version(path.name, folder)
        if found.folder != os.fstat(folder).st_ino:
            return False
        if is_here(found):
            return process_alive(found.pid, found.pid_started)
        return abs(time.time() - found.renewed) < DOUBT_SECONDS
    except (MissingLockError, OSError):
        return False
    finally:
        os.close(folder)


class _Renewer:
    """A thread that renews the locks of this process while it holds any."""

    def __init__(self) -> None:
        self._locks: set[FileLock] = set()
        self._mutex = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, lock: FileLock) -> None:
        with self._mutex:
            self._locks.add(lock)
            if self._thread is None or not self._thread.is_alive():  # the latter in a forked process
                self._thread = threading.Thread(target=self._work, name="locks", daemon=True)
                self._thread.start()

    def discard(self, lock: FileLock) -> None:
        with self._mutex:
            self._locks.discard(lock)

    def _work(self) -> None:
        while True:
            time.sleep(RENEW_SECONDS)
            with self._mutex:
                held = list(self._locks)
                if not held:
                    self._thread = None
                    return
            for lock in held:
                lock.renew()


_RENEWER = _Renewer()
