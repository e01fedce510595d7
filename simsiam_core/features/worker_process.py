"""Main loop of the process behind `worker.InspectionWorker`: runs requests from a socket, sends results."""

from __future__ import annotations

import os
import pickle
import pkgutil
import queue
import sys
import threading
import time
import traceback
from multiprocessing.connection import Connection

from simsiam_core import garbage_collection
from simsiam_core.config import ConfigError, Problem

REPORT_EVERY_SECONDS = 0.1


def serve() -> None:
    """Process requests until the server exits: a closed socket ends the process at once, even mid-request."""
    garbage_collection.reduce_gc_overhead()
    connection = Connection(int(sys.argv[1]))
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def receive() -> None:
        try:
            while True:
                requests.put(connection.recv_bytes())
        except (EOFError, OSError):
            os._exit(0)

    threading.Thread(target=receive, daemon=True).start()
    if sys.argv[2]:
        preloaded = pkgutil.resolve_name(sys.argv[2])
        if callable(preloaded):
            preloaded()
    last = 0.0

    def report(fraction: float, text: str) -> None:
        nonlocal last
        if time.monotonic() - last >= REPORT_EVERY_SECONDS:
            last = time.monotonic()
            connection.send(("progress", float(fraction), text))

    while True:
        function, args, kwargs = pickle.loads(requests.get())
        try:
            connection.send(("result", function(*args, progress=report, **kwargs)))
        except Exception as error:
            connection.send(("error", *_in_words(error)))


def _in_words(error: Exception) -> tuple[str, tuple[Problem, ...]]:
    """Return user-facing errors unchanged; any other is a bug, summarised in one line and logged in full."""
    from simsiam_core.data import ImageError
    from simsiam_core.model import CheckpointError
    from simsiam_core.runs import RunError

    if isinstance(error, ConfigError):
        return " ".join(problem.message for problem in error.problems), error.problems
    if isinstance(error, (RunError, CheckpointError, ImageError)):
        return str(error), ()
    traceback.print_exception(error)
    # The text of an OSError contains a path on the server, which must not be shown on the page.
    told = str(error.strerror) if isinstance(error, OSError) and error.strerror else str(error)
    first_line = (told.splitlines() or [""])[0]
    return f"Something went wrong here, not in your input ({type(error).__name__}: {first_line}).", ()
