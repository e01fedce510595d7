"""Jobs that begin and end without a process of their own."""

from __future__ import annotations

import os
import time

from simsiam_core.jobs import read_queue
from simsiam_core.runs import RunDirectory, RunStore
from simsiam_core.runs.processes import process_identity


def begin(run: RunDirectory) -> None:
    """As if this very process worked on it."""
    pid, at = process_identity(os.getpid())
    run.update_status(state="running", pid=pid, pid_started=at, host=os.uname().nodename, started=time.time())


def end(run: RunDirectory, state: str = "finished", **changes: object) -> None:
    run.update_status(state=state, ended=time.time(), **changes)


def order(store: RunStore) -> list[str]:
    """The names of the runs in the queue."""
    return [entry.run.config().name for entry in read_queue(store)]
