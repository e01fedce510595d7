"""Signal handling of the processes that train or evaluate a run. Imports no torch: the handlers are installed
before that.

| signal | effect on the run |
| --- | --- |
| SIGTERM, SIGINT (Ctrl-C) | ends as `stopped`, with a checkpoint of the current step |
| SIGUSR1 | ends as `paused`, with a checkpoint of the current step |
| SIGHUP (the terminal was closed) | writes a checkpoint and continues |
| SIGUSR2, in a SLURM job | ends as `queued`, with a checkpoint; the batch script starts the job again |
| SIGTERM, in a SLURM job | the same, but SLURM decides whether it starts again (preempted) or not (cancelled) |

SIGHUP does not end the run, because nothing depends on the terminal: the log, the metrics and the checkpoints
are files, and the page, `runs list` and `runs stop` still work. A broken connection therefore loses no work;
the checkpoint is written because a kill may follow a logout. A signal that the parent process set to be
ignored (`nohup`, a shell's `&`) stays ignored.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Literal

from simsiam_core.runs import Status

PAUSE, WARNING = signal.SIGUSR1, signal.SIGUSR2
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, PAUSE, WARNING)  # all signals that a job handles
EXECUTOR_VARIABLE = "SIMSIAM_EXECUTOR"  # set in a job that a workload manager may interrupt and start again
REQUEUE_EXIT = 75  # exit code of an interrupted job that asks to be started again (EX_TEMPFAIL)
UNHANDLED_USR2 = 128 + 12  # that of one which was warned before it had set its handlers
INTERRUPTED = "Interrupted by SLURM; it goes on when SLURM starts it again."
End = Literal["queued", "paused", "stopped"]
ENDS: tuple[End | None, ...] = (None, "queued", "paused", "stopped")  # the stronger after the weaker


def restarts() -> bool:
    """Return whether this process belongs to a job that may be interrupted and started again."""
    return bool(os.environ.get(EXECUTOR_VARIABLE))


class Interrupted(KeyboardInterrupt):
    """A request to end that arrived inside `StopRequest.raising`."""


class StopRequest:
    """The state that the run is requested to end in, or None, and whether its terminal was closed.

    A signal only sets these flags; the training loop checks them after every step. Inside `raising` it also
    raises Interrupted, once: for work with nothing to save, whose cleanup a second Ctrl-C must not interrupt.
    """

    def __init__(self) -> None:
        self.state: End | None = None
        self._left_to_slurm = False  # whether it starts again: it was terminated without a warning
        self.hung_up = False
        self._raises = False

    def listen(self) -> None:
        """Install the signal handlers for the rest of this process. Call it in the main thread."""
        for number in SIGNALS if restarts() else SIGNALS[:-1]:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self.note)

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

    @property
    def exit_code(self) -> int:
        """The exit code of a process that has ended as requested."""
        if self.state != "queued":
            return 0
        return 128 + signal.SIGTERM if self._left_to_slurm else REQUEUE_EXIT

    def ending(self, status: Status) -> dict[str, Any]:
        """Return the changes to the status of a process that ends as requested, before or after its work."""
        if self.state == "queued":
            return {**status.queued_again(), "activity": INTERRUPTED}
        return {"state": self.state or "stopped", "ended": time.time(), "activity": ""}

    def note(self, number: int, _frame: FrameType | None) -> None:
        """Set the flags for a signal: the handler."""
        if number == signal.SIGHUP:
            self.hung_up = True
            return
        end: End = "paused" if number == PAUSE else "stopped"
        if number == WARNING or (number == signal.SIGTERM and restarts()):
            self._left_to_slurm |= number == signal.SIGTERM and self.state != "queued"
            end = "queued"
        self.state = max(self.state, end, key=ENDS.index)
        if self._raises:
            self._raises = False
            raise Interrupted
