"""A monotonic clock for timestamps of a run, initialised from the wall clock."""

from __future__ import annotations

import time

STARTING_SECONDS = 600.0  # longest time between a process's first status and the creation of its clock


class SteadyClock:
    """A clock of seconds since the epoch, advanced monotonically from `started`, the first status."""

    def __init__(self, started: float | None = None) -> None:
        now = time.time()
        gone = 0.0 if started is None else now - started
        before = gone if 0 <= gone <= STARTING_SECONDS else 0.0  # otherwise the wall clock was changed
        self._started = now if started is None else started
        self._began = time.monotonic() - before

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._began

    def now(self) -> float:
        """Return the current time; it never decreases."""
        return self._started + self.elapsed
