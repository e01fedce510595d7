"""What a process that works on a run or an evaluation is asked to do by signal. Imports no torch: it listens
before that.

| signal | what becomes of the run |
| --- | --- |
| SIGTERM, SIGINT (Ctrl-C) | it ends as `stopped`, with a checkpoint of the step it has reached |
| SIGUSR1 | it ends as `paused`, with a checkpoint of the step it has reached |
| SIGHUP (the terminal was closed) | it writes a checkpoint and goes on |

SIGHUP ends nothing, because nothing depends on the terminal: the log, the metrics and the checkpoints are files,
and the page, `runs list` and `runs stop` reach the run as before. Somebody whose connection broke loses no hours;
the checkpoint is there because what comes after a logout may be a kill. A signal that whoever started the process
has it ignore (`nohup`, a shell's `&`) stays ignored.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Literal

PAUSE = signal.SIGUSR1
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, PAUSE)  # all that a job acts on


class Interrupted(KeyboardInterrupt):
    """A request to end came inside `StopRequest.raising`."""


class StopRequest:
    """The state that the run shall end in, or None, and whether its terminal was closed.

    A signal only sets these; whoever trains looks at them after every step. Inside `raising` it also raises
    Interrupted, once: for work that has nothing to keep, and that a second Ctrl-C must not disturb in cleaning up.
    """

    def __init__(self) -> None:
        self.state: Literal["stopped", "paused"] | None = None
        self.hung_up = False
        self._raises = False

    def listen(self) -> None:
        """Take over the signals, from now to the end of this process. For the main thread."""
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._note)

    @contextmanager
    def raising(self) -> Iterator[None]:
        """Raise Interrupted at a request to end: at once if one has come before, until the block or `poll` ends it."""
        if self.state:
            raise Interrupted
        self._raises = True
        try:
            yield
        finally:
            self._raises = False

    def poll(self) -> None:
        """Stop raising: from here on the work checks `state` where it suits, also inside `raising`."""
        self._raises = False

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            self.hung_up = True
            return
        if self.state != "stopped":  # a later pause does not undo a stop
            self.state = "paused" if number == PAUSE else "stopped"
        if self._raises:
            self._raises = False
            raise Interrupted
