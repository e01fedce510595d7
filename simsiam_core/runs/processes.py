"""Process identity that is robust to clock changes, reused pids and copied folders.

A process is identified by its pid and its start time since boot. psutil gives the start in seconds since the
epoch, which shift with the wall clock; its own monotonic value is private to one `psutil.Process`.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import psutil

ON_LINUX = sys.platform == "linux"
# Start times from here on are seconds since the epoch (2001 or later), as in earlier versions.
EPOCH_FROM = 1e9
# Clock changes tolerated since such a start time was recorded.
EPOCH_TOLERANCE = 3600.0


@dataclass(frozen=True)
class _Seen:
    """The state of a process: its start in seconds since boot (since the epoch except on Linux)."""

    started: float
    ended: bool  # a zombie, not yet reaped by its parent


@lru_cache(maxsize=1)
def machine_id() -> str:
    """Return an id of this boot and pid namespace, within which a pid is one process. Empty if unknown.

    A host name is not enough: laptops change theirs, and containers and cloned machines share one.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def process_identity(pid: int) -> tuple[int, float]:
    """Return a pid with its start time, unique until the machine reboots. Raises psutil.NoSuchProcess."""
    seen = _look(pid)
    if seen is None:
        raise psutil.NoSuchProcess(pid)
    return pid, seen.started


def process_alive(pid: int | None, started: float | None) -> bool:
    """Return whether exactly this process is alive: not another one with a reused pid, not a zombie."""
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
    """Return whether a start time is by wall clock, as in earlier versions: too unreliable to identify a
    process.
    """
    return ON_LINUX and started is not None and started >= EPOCH_FROM


def _look(pid: int) -> _Seen | None:
    if not ON_LINUX:
        return _look_elsewhere(pid)
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:  # gone
        return None
    # The fields from the third, the state; field 22 is the start in clock ticks.
    fields = text[text.rindex(b")") + 2 :].split()
    return _Seen(int(fields[19]) / os.sysconf("SC_CLK_TCK"), fields[0] in (b"Z", b"X"))


def _look_elsewhere(pid: int) -> _Seen | None:
    try:
        process = psutil.Process(pid)
        return _Seen(process.create_time(), process.status() == psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return None
