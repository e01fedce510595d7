"""Whether a process still works on a run: asked of the process table, the run's lock, its folder, its heartbeat."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from pathlib import Path

from simsiam_core.runs.lock import RUN_LOCK, is_locked
from simsiam_core.runs.processes import machine_id, process_alive, uses_wall_clock
from simsiam_core.runs.status import Status

# Only for runs on another machine, whose processes cannot be asked: a trainer beats about once a second.
STALE_HEARTBEAT_SECONDS = 120.0


def is_here(status: Status) -> bool:
    """Return whether the process that is said to work on a run can be asked and signalled from here."""
    if status.boot and machine_id():
        return status.boot == machine_id()
    return status.host == socket.gethostname()  # written by an earlier version, or where boots have no id


def is_copy(status: Status, path: Path) -> bool:
    """Return whether the process that wrote the status at `path` knew another folder: this one was copied from it."""
    return bool(status.folder) and status.folder != folder_identity(path.parent)


def folder_identity(folder: Path) -> str:
    """Return what stays when a folder is renamed and differs in a copy; empty if there is no such folder."""
    try:
        stat = folder.stat()
    except OSError:
        return ""
    return f"{stat.st_dev}:{stat.st_ino}"


def has_live_process(status: Status, path: Path) -> bool:
    """Return whether the process lives that is said to run it; `path` is where the status is read from.

    One on another machine lives as long as its heartbeat changes.
    """
    if is_here(status):
        if not process_alive(status.pid, status.pid_started):
            return False
        if uses_wall_clock(status.pid_started):  # the clock may have been set since; the lock knows better
            return is_locked(path.with_name(RUN_LOCK))
        return not is_copy(status, path)
    if (
        status.host == socket.gethostname()
    ):  # restarted meanwhile, or another machine or container of this name
        return is_locked(path.with_name(RUN_LOCK))
    return _HEARTBEATS.fresh(path, status)


@dataclass(frozen=True)
class _Beat:
    """A heartbeat as it was seen: its value, when that was new (monotonic), and whether it came after another."""

    value: float
    seen: float
    moved: bool


class _Heartbeats:
    """Heartbeats of other machines, whose clocks may differ from ours: what counts is that they change.

    At the first look there is nothing to compare with, so the clocks are believed once.
    """

    def __init__(self) -> None:
        self._seen: dict[Path, _Beat] = {}

    def fresh(self, path: Path, status: Status) -> bool:
        """Return whether the heartbeat is one of late."""
        now, beat = time.monotonic(), self._seen.get(path)
        if beat is None or beat.value != status.heartbeat:
            moved = beat is not None and status.heartbeat > beat.value
            beat = self._seen[path] = _Beat(status.heartbeat, now, moved)
        if now - beat.seen >= STALE_HEARTBEAT_SECONDS:
            return False
        of_late = abs(time.time() - status.heartbeat) < STALE_HEARTBEAT_SECONDS
        return beat.moved or (of_late and not _moved_here(status, path))


def _moved_here(status: Status, path: Path) -> bool:
    """Tell a copy apart as `is_copy` does, for a shared folder: another machine numbers its devices differently."""
    inode = status.folder.rpartition(":")[2]
    return bool(inode) and inode != folder_identity(path.parent).rpartition(":")[2]


_HEARTBEATS = _Heartbeats()
