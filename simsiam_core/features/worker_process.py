"""The process behind `worker.InspectionWorker`: takes requests from a socket, runs them, sends back the results."""

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
    """Answer requests until the server is gone: the closed socket tells at once, even in mid-request."""
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
    """Errors meant for people as they are; any other is a fault here, told in one line and logged in full."""
    from simsiam_core.data import ImageError
    from simsiam_core.model import CheckpointError
    from simsiam_core.runs import RunError

    if isinstance(error, ConfigError):
        return " ".join(problem.message for problem in error.problems), error.problems
    if isinstance(error, (RunError, CheckpointError, ImageError)):
        return str(error), ()
    traceback.print_exception(error)
    # The text of an OSError names a file of the server, which is nobody's business on a page.
    told = str(error.strerror) if isinstance(error, OSError) and error.strerror else str(error)
    first_line = (told.splitlines() or [""])[0]
    return f"Something went wrong here, not in your input ({type(error).__name__}: {first_line}).", ()
