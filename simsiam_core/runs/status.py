"""The status of a run: the content of `status.json`."""

from __future__ import annotations

import errno
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from simsiam_core.runs.collapse import Collapse

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
    activity: str = ""  # current activity, such as "Decoding images, 40 %"
    pid: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    pid_started: Seconds | None = None  # since boot; pids are reused, (pid, start time) is not
    boot: str = ""  # id of the boot and container in which `pid` is valid
    folder: str = ""  # identity of the run's folder, which differs in a copy
    host: str = ""
    device: str = ""
    step: Count = 0
    total_steps: Count = 0
    epoch: Count = 0
    heartbeat: Moment = 0.0
    created: Moment = 0.0
    started: Moment | None = None  # of the current or last process
    ended: Moment | None = None
    elapsed: Seconds = 0.0  # from `started` to its last write, by a monotonic clock
    spent: Seconds = 0.0  # by earlier processes, before each pause, stop or crash
    exit_code: int | None = None
    error: str | None = None
    collapse: Collapse | None = None  # None before the first measurement, and in earlier versions

    @property
    def active(self) -> bool:
        """Whether it is running or queued."""
        return self.state in ACTIVE

    @property
    def working_seconds(self) -> float:
        """Seconds of work up to now or its end, without the time between its processes."""
        by_wall_clock = max(0.0, (self.ended or self.heartbeat) - (self.started or self.heartbeat))
        return self.spent + (self.elapsed or by_wall_clock)

    def queued_again(self) -> dict[str, Any]:
        """Return the changes that queue it once more, with the time it has worked so far."""
        return {
            "state": "queued",
            "activity": "",
            "error": None,
            "started": None,
            "ended": None,
            "exit_code": None,
            "elapsed": 0.0,
            "spent": self.working_seconds,
        }

    @property
    def last_seen(self) -> float:
        """The time of the process's last write, by the clock of its metrics."""
        return self.started + self.elapsed if self.started and self.elapsed else self.heartbeat

    @property
    def progress(self) -> float:
        """Fraction of the steps done, 0 to 1."""
        return min(1.0, self.step / self.total_steps) if self.total_steps else 0.0
