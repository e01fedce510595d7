"""Which process works on a run: named so that no stepped clock, reused pid or copied folder misleads.

A process is named by its pid and by when it started, counted from the boot of the machine. psutil tells when in
seconds of the epoch, which move with the wall clock; its own steady count is private to one `psutil.Process`.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import psutil

ON_LINUX = sys.platform == "linux"
# Seconds since boot are fewer, in seconds of the epoch there were more by 2001: how runs of earlier versions are told.
EPOCH_FROM = 1e9
# How far the clock may have been set since such a process noted its start.
EPOCH_TOLERANCE = 3600.0


@dataclass(frozen=True)
class _Seen:
    """A process as it is found: seconds from boot to its start (of the epoch where there is no such count)."""

    started: float
    ended: bool  # a zombie, whose parent has not asked yet


@lru_cache(maxsize=1)
def machine_id() -> str:
    """Return the machine since its last boot, and the container in it: where a pid means one process. Empty if unknown.

    A host name would not do: laptops change theirs, and containers and cloned machines share one.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def process_identity(pid: int) -> tuple[int, float]:
    """Return a pid with its start time: names one process for as long as the machine is up. Raises
    psutil.NoSuchProcess.
    """
    seen = _look(pid)
    if seen is None:
        raise psutil.NoSuchProcess(pid)
    return pid, seen.started


def process_alive(pid: int | None, started: float | None) -> bool:
    """Return whether that very process lives: not another one under a reused pid, not a zombie."""
    if pid is None or started is None:
        return False
    seen = _look(pid)
    if seen is None or seen.ended:
        return False
    if not uses_wall_clock(started):
        return seen.started == started
    try:
        return abs(psutil.Process(pid).create_time() - started) <= EPOCH_TOLERANCE
    except psutil.Error:
        return False


def uses_wall_clock(started: float | None) -> bool:
    """Return whether a start time was noted by the wall clock, as earlier versions did: not enough to know a
    process by.
    """
    return ON_LINUX and started is not None and started >= EPOCH_FROM


def _look(pid: int) -> _Seen | None:
    if not ON_LINUX:
        return _look_elsewhere(pid)
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:  # gone
        return None
    fields = text[
        text.rindex(b")") + 2 :
    ].split()  # from field 3, the state; field 22 is the start in clock ticks
    return _Seen(int(fields[19]) / os.sysconf("SC_CLK_TCK"), fields[0] in (b"Z", b"X"))


def _look_elsewhere(pid: int) -> _Seen | None:
    try:
        process = psutil.Process(pid)
        return _Seen(process.create_time(), process.status() == psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return None
