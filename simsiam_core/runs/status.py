"""What a run is doing: `status.json`, and how `crashed` is concluded from a dead process."""

from __future__ import annotations

import errno
import time
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from simsiam_core.runs.crash import crash_in
from simsiam_core.runs.files import write_text
from simsiam_core.runs.json_files import DamagedFileError, first_problem, read_json
from simsiam_core.runs.liveness import has_live_process, is_copy

State = Literal["queued", "running", "finished", "stopped", "paused", "failed", "crashed"]
DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
ACTIVE: frozenset[str] = frozenset({"queued", "running"})
Count = Annotated[int, Field(ge=0, le=2**53)]
Moment = Annotated[float, Field(ge=0, le=1e11, allow_inf_nan=False)]  # seconds since the epoch
Seconds = Moment


class Status(BaseModel):
    """The content of `status.json`. Times are seconds since the epoch."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    state: State = "queued"
    activity: str = ""  # what it is doing right now, in words: "Decoding images, 40 %"
    pid: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    pid_started: Seconds | None = None  # from the boot; pids are reused, a pid and its start time are not
    boot: str = ""  # the machine since its last boot, and the container, in which `pid` means that process
    folder: str = ""  # what the process knows the run's folder by: a copy of it is another one
    host: str = ""
    device: str = ""
    step: Count = 0
    total_steps: Count = 0
    epoch: Count = 0
    heartbeat: Moment = 0.0
    created: Moment = 0.0
    started: Moment | None = None  # of the process that works on it, or did last
    ended: Moment | None = None
    elapsed: Seconds = 0.0  # from `started` to the last word of that process, by a clock that nobody sets
    spent: Seconds = 0.0  # that earlier processes worked on it, before each pause, stop or crash
    exit_code: int | None = None
    error: str | None = None

    @property
    def active(self) -> bool:
        """Whether a process works on it or will."""
        return self.state in ACTIVE

    @property
    def working_seconds(self) -> float:
        """Seconds of work up to now or its end, the times between its processes left out."""
        by_wall_clock = max(0.0, (self.ended or self.heartbeat) - (self.started or self.heartbeat))
        return self.spent + (self.elapsed or by_wall_clock)

    @property
    def last_update(self) -> float:
        """When the process spoke last, on the clock of its metrics."""
        return self.started + self.elapsed if self.started and self.elapsed else self.heartbeat

    @property
    def progress(self) -> float:
        """Share of the steps done, 0 to 1."""
        return min(1.0, self.step / self.total_steps) if self.total_steps else 0.0


def write_status(path: Path, status: Status) -> None:
    """Replace `status.json` in one step; on a full disk, write over it in place: the final status must be written."""
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
    if status.state != "running" or has_live_process(status, path):
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
    if is_copy(status, path):
        error = (
            "This folder is a copy of one that was being worked on; no process works on the copy. "
            "Resume goes on from its newest checkpoint."
        )
    return status.model_copy(update={"state": "crashed", "error": error, "ended": status.heartbeat})


def damage(path: Path) -> str:
    """What is wrong with `status.json`, as a sentence; empty if nothing."""
    try:
        Status.model_validate(read_json(path))
    except DamagedFileError as error:
        return str(error)
    except ValidationError as error:
        return first_problem(path.name, error)
    return ""


def _recorded(path: Path) -> Status:
    try:
        return Status.model_validate(read_json(path))
    except DamagedFileError as error:
        sentence = str(error)
    except ValidationError as error:
        sentence = first_problem(path.name, error)
    hint = "The log may tell more; Resume goes on from the newest checkpoint."
    return Status(state="crashed", error=f"{sentence} {hint}")
