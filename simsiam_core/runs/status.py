"""What a run is doing: `status.json`, and how `crashed` is concluded from a dead process."""

from __future__ import annotations

import errno
import json
import socket
import time
from functools import lru_cache
from pathlib import Path
from typing import Literal

import psutil
from pydantic import BaseModel, ConfigDict, ValidationError

from simsiam_core.runs.crash import crash_in
from simsiam_core.runs.files import write_text

State = Literal["queued", "running", "finished", "stopped", "paused", "failed", "crashed"]
DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
ACTIVE: frozenset[str] = frozenset({"queued", "running"})

# Only for runs on another machine, whose processes cannot be asked: a trainer beats about once a second.
STALE_HEARTBEAT_SECONDS = 120.0


class Status(BaseModel):
    """The content of `status.json`. Times are seconds since the epoch."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    state: State = "queued"
    activity: str = ""  # what it is doing right now, in words: "Decoding pictures, 40 %"
    pid: int | None = None
    pid_started: float | None = None  # pids are reused; a pid and its start time are not
    host: str = ""
    device: str = ""
    step: int = 0
    total_steps: int = 0
    epoch: int = 0
    heartbeat: float = 0.0
    created: float = 0.0
    started: float | None = None  # of the process that works on it, or did last
    ended: float | None = None
    spent: float = 0.0  # seconds that earlier processes worked on it, before each pause, stop or crash
    exit_code: int | None = None
    error: str | None = None

    @property
    def active(self) -> bool:
        """Whether a process works on it or will."""
        return self.state in ACTIVE

    @property
    def worked(self) -> float:
        """Seconds of work up to now or its end, the times between its processes left out."""
        return self.spent + max(0.0, (self.ended or self.heartbeat) - (self.started or self.heartbeat))

    @property
    def progress(self) -> float:
        """Share of the steps done, 0 to 1."""
        return min(1.0, self.step / self.total_steps) if self.total_steps else 0.0


def process_identity(pid: int) -> tuple[int, float]:
    """A pid with its start time: names one process for ever."""
    return pid, psutil.Process(pid).create_time()


def process_alive(pid: int | None, started: float | None) -> bool:
    """Whether that very process lives: not another one under a reused pid, not a zombie."""
    if pid is None or started is None:
        return False
    try:
        process = _process(pid, started)
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


@lru_cache(maxsize=1024)
def _process(pid: int, started: float) -> psutil.Process:
    """Found once and kept: a start time in seconds of the epoch costs far more than asking the same process again."""
    process = psutil.Process(pid)
    if process.create_time() != started:
        raise psutil.NoSuchProcess(pid)
    return process


def write_status(path: Path, status: Status) -> None:
    """Replace `status.json` in one step; on a full disk, write over it in place: the last word must get out."""
    text = status.model_dump_json(indent=1)
    try:
        write_text(path, text)
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        with path.open("r+b") as file:
            file.write(text.encode())
            file.truncate()


def read_status(path: Path) -> Status:
    """The recorded status, with `crashed` concluded. An unreadable file is a crashed run, never an error."""
    status = _recorded(path)
    if status.state != "running" or working(status):
        return status
    status = _recorded(path)  # it may have written its final word and ended between the two looks
    if status.state != "running":
        return status
    last = time.strftime("%d %B %H:%M:%S", time.localtime(status.heartbeat))
    if crash := crash_in(path.with_name("log.txt")):
        how = (
            f"crashed ({crash}): a fault in the program or a library, not lack of memory; the log says where"
        )
    else:
        how = (
            "ended without a word: it was killed from outside (the system does so when memory runs out), or the "
            "machine went down"
        )
    error = f"The training process {how}. Last seen {last}; Resume goes on from the newest checkpoint."
    return status.model_copy(update={"state": "crashed", "error": error, "ended": status.heartbeat})


def _recorded(path: Path) -> Status:
    try:
        return Status.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError):
        return Status(state="crashed", error="status.json is missing or damaged; the log may tell more.")


def working(status: Status) -> bool:
    """Whether the process lives that is said to run it; of one on another machine, whether it has written lately."""
    if status.host == socket.gethostname():
        return process_alive(status.pid, status.pid_started)
    return time.time() - status.heartbeat < STALE_HEARTBEAT_SECONDS
