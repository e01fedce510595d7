"""Signal handling of the processes that train or evaluate a run. Imports no torch: the handlers are installed
before that.

| signal | effect on the run |
| --- | --- |
| SIGTERM, SIGINT (Ctrl-C) | ends as `stopped`, with a checkpoint of the current step |
| SIGUSR1 | ends as `paused`, with a checkpoint of the current step |
| SIGHUP (the terminal was closed) | writes a checkpoint and continues |

SIGHUP does not end the run, because nothing depends on the terminal: the log, the metrics and the checkpoints
are files, and the page, `runs list` and `runs stop` still work. A broken connection therefore loses no work;
the checkpoint is written because a kill may follow a logout. A signal that the parent process set to be
ignored (`nohup`, a shell's `&`) stays ignored.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Literal

PAUSE = signal.SIGUSR1
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, PAUSE)  # all signals that a job handles


class Interrupted(KeyboardInterrupt):
    """A request to end that arrived inside `StopRequest.raising`."""


class StopRequest:
    """The state that the run is requested to end in, or None, and whether its terminal was closed.

    A signal only sets these flags; the training loop checks them after every step. Inside `raising` it also
    raises Interrupted, once: for work with nothing to save, whose cleanup a second Ctrl-C must not interrupt.
    """

    def __init__(self) -> None:
        self.state: Literal["stopped", "paused"] | None = None
        self.hung_up = False
        self._raises = False

    def listen(self) -> None:
        """Install the signal handlers for the rest of this process. Call it in the main thread."""
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._note)

    @contextmanager
    def raising(self) -> Iterator[None]:
        """Raise Interrupted on a request to end, also a pending one, until the block ends or `poll` is
        called.
        """
        if self.state:
            raise Interrupted
        self._raises = True
        try:
            yield
        finally:
            self._raises = False

    def poll(self) -> None:
        """Stop raising, even inside `raising`: from here on the work checks `state` itself."""
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
