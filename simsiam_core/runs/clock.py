"""A clock for what is compared with itself: it starts with the wall clock and never steps afterwards."""

from __future__ import annotations

import time

STARTING_SECONDS = 600.0  # at most between a process's first word and the clock that counts on from it


class SteadyClock:
    """Seconds of the epoch, counted on by a monotonic clock from `started`, when the process first spoke."""

    def __init__(self, started: float | None = None) -> None:
        now = time.time()
        gone = 0.0 if started is None else now - started
        before = gone if 0 <= gone <= STARTING_SECONDS else 0.0  # otherwise the wall clock was set meanwhile
        self._started = now if started is None else started
        self._began = time.monotonic() - before

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._began

    def now(self) -> float:
        """Return the present moment: never before an earlier one."""
        return self._started + self.elapsed
