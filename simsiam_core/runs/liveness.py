"""Liveness of a run's process, from the process table, the run's lock, its folder and its heartbeat."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from pathlib import Path

from simsiam_core.runs.lock import RUN_LOCK, is_locked
from simsiam_core.runs.processes import machine_id, process_alive, uses_wall_clock
from simsiam_core.runs.status import Status

# Only for runs on another machine, whose processes cannot be queried. Trainers write about once a second.
STALE_HEARTBEAT_SECONDS = 120.0


def is_here(status: Status) -> bool:
    """Return whether the process named in a status can be queried and signalled from this machine."""
    if status.boot and machine_id():
        return status.boot == machine_id()
    return status.host == socket.gethostname()  # from an earlier version or a system without boot ids


def is_copy(status: Status, path: Path) -> bool:
    """Return whether the status at `path` was written for another folder, of which this one is a copy."""
    return bool(status.folder) and status.folder != folder_identity(path.parent)


def folder_identity(folder: Path) -> str:
    """Return an id that survives renaming a folder and differs in a copy; empty if there is no folder."""
    try:
        stat = folder.stat()
    except OSError:
        return ""
    return f"{stat.st_dev}:{stat.st_ino}"


def has_live_process(status: Status, path: Path) -> bool:
    """Return whether the process named in a status is alive; `path` is the file of the status.

    A process on another machine counts as alive while its heartbeat changes.
    """
    if is_here(status):
        if not process_alive(status.pid, status.pid_started):
            return False
        if uses_wall_clock(status.pid_started):  # the clock may have been set since; the lock is reliable
            return is_locked(path.with_name(RUN_LOCK))
        return not is_copy(status, path)
    if status.host == socket.gethostname():  # rebooted, or another machine or container of the same name
        return is_locked(path.with_name(RUN_LOCK))
    return _HEARTBEATS.fresh(path, status)


@dataclass(frozen=True)
class _Beat:
    """An observed heartbeat: its value, when first seen (monotonic), whether it followed an earlier one, and whether
    nothing was seen before.
    """

    value: float
    seen: float
    moved: bool
    first: bool


class _Heartbeats:
    """Heartbeats of other machines, judged by whether they change, since clocks may differ.

    The first observation has nothing to compare with, so it is judged by two clocks: that of the machine that wrote
    it, and that of the file server, which set the time of the file.
    """

    def __init__(self) -> None:
        self._seen: dict[Path, _Beat] = {}

    def fresh(self, path: Path, status: Status) -> bool:
        """Return whether the heartbeat is recent."""
        now, beat = time.monotonic(), self._seen.get(path)
        if beat is None or beat.value != status.heartbeat:
            moved = beat is not None and status.heartbeat > beat.value
            beat = self._seen[path] = _Beat(status.heartbeat, now, moved, first=beat is None)
        if now - beat.seen >= STALE_HEARTBEAT_SECONDS:
            return False
        heard = [status.heartbeat, *([_written_at(path)] if beat.first else [])]
        of_late = any(abs(time.time() - moment) < STALE_HEARTBEAT_SECONDS for moment in heard)
        return beat.moved or (of_late and not _moved_here(status, path))


def _written_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _moved_here(status: Status, path: Path) -> bool:
    """Return whether this folder is a copy, by inode only: device numbers of a shared folder differ by
    machine.
    """
    inode = status.folder.rpartition(":")[2]
    return bool(inode) and inode != folder_identity(path.parent).rpartition(":")[2]


_HEARTBEATS = _Heartbeats()
