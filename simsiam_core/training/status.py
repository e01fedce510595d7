"""Writer of `status.json` during training, about twice a second."""

from __future__ import annotations

import time
from typing import Any

from simsiam_core.runs import RunDirectory, Status
from simsiam_core.runs.clock import SteadyClock

BEAT_SECONDS = 0.5


class StatusWriter:
    """Status of one run in memory and on disk; the training process is its only writer.

    Of several processes the first one `writes`.
    """

    def __init__(self, run: RunDirectory, writes: bool = True) -> None:
        self._run = run
        self.writes = writes
        self._status = run.status()
        self._clock = SteadyClock(self._status.started)
        self._written = 0.0

    @property
    def status(self) -> Status:
        """Status as last set, whether or not it is on disk yet."""
        return self._status

    def take_over(self) -> None:
        """Write from now on, unless the process that wrote until now has written its end."""
        self._status = self._run.status()
        self.writes = self._status.state in ("running", "crashed")

    def now(self) -> float:
        """Return the time of a measurement, which never goes back, even if the system clock is changed."""
        return self._clock.now()

    def beat(self, *, force: bool = False, **changes: Any) -> None:
        """Change fields and renew the heartbeat; write at once with `force`, else at most every BEAT_SECONDS."""
        beat = {"heartbeat": time.time(), "elapsed": round(self._clock.elapsed, 3)}
        self._status = self._status.model_copy(update={**beat, **changes})
        if self.writes and (force or time.monotonic() - self._written >= BEAT_SECONDS):
            self._run.write_status(self._status)
            self._written = time.monotonic()

    def progress(self, share: float, activity: str) -> None:
        """Show what is being prepared and its progress: a `Progress` callback."""
        self.beat(activity=f"{activity}, {share:.0%}")
