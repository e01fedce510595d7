"""What a training process is asked to do by signal: stop, or pause. Imports no torch: it listens before that."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Literal

PAUSE = signal.SIGUSR1


class Interrupted(KeyboardInterrupt):
    """A wish came while nothing was trained yet, so there is nothing to keep."""


class Wish:
    """The state that the run shall end in, or None.

    While `at_step_boundaries` is off, a wish ends the process at once by raising Interrupted; while it is on,
    whoever trains looks at `state` after every step.
    """

    def __init__(self) -> None:
        self.state: Literal["stopped", "paused"] | None = None
        self.at_step_boundaries = False

    def listen(self) -> None:
        """Take the signals over from whoever has them now."""
        for number in (signal.SIGTERM, signal.SIGINT, PAUSE):
            signal.signal(number, self._hear)

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        if self.state != "stopped":  # who is to stop shall not be paused instead
            self.state = "paused" if number == PAUSE else "stopped"
        if not self.at_step_boundaries:
            raise Interrupted
