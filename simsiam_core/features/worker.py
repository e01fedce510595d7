"""One process beside the server for work that must not freeze the page: encoding, neighbours, previews.

The process is held by one socket: requests go down it, progress and results come up, and each side knows by
its closing that the other has gone. So the worker ends with the server, however that ends, and a worker
that was killed costs one request. `concurrent.futures` is not used because it can neither stop a running
call nor report how far it is. No torch is imported here: only the worker's own process pays for that.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, Generic, TypeVar

from simsiam_core.config import Problem
from simsiam_core.runs.crash import crash_name

T = TypeVar("T")
Process = tuple[subprocess.Popen[bytes], Connection]
SERVER = "simsiam_core.features.worker_process"  # named and not imported: only its own process runs it
END_SECONDS = 1.0  # between the end of a process's pipe and that of the process
SPARE_AFTER_SECONDS = 2.0  # where one task took longer, the next may well be cancelled


class WorkError(RuntimeError):
    """A request that failed, as one sentence; `problems` name the settings to blame, if any are."""

    def __init__(self, message: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class Task(Generic[T]):
    """One request to the worker, shared by all who asked for the same while it was under way."""

    def __init__(self, worker: InspectionWorker, key: str, payload: bytes) -> None:
        self._worker = worker
        self._key = key
        self._payload = payload
        self._future: Future[T] = Future()
        self._reported = (0.0, "Starting")

    @property
    def done(self) -> bool:
        """Whether there is a result or an error."""
        return self._future.done()

    @property
    def progress(self) -> tuple[float, str]:
        """Fraction 0 to 1 and what is being done; for a task in the queue, that of the one before it."""
        return (1.0, "Done") if self.done else self._worker._progress(self)

    def result(self, timeout: float | None = None) -> T:
        """Wait for the result. Raises WorkError, or TimeoutError after `timeout` seconds."""
        return self._future.result(timeout)

    def watch(self, every: float = 0.1) -> Iterator[tuple[float, str]]:
        """Progress whenever it has changed, until the task is done."""
        last = None
        while not self.done:
            now = self.progress
            if now != last:
                yield now
            last = now
            wait([self._future], every)

    def cancel(self) -> None:
        """End it, for all who wait for it; a running one takes its process along, and a new one starts."""
        self._worker._cancel(self)


class InspectionWorker:
    """Runs functions one after another in a process of its own; the next request starts it again if it died.

    `preload` names a module to import at the start, so that the first request does not wait for it, or a
    function to call ("package.module:function"). After a task that took long a spare process is started, so that
    after a cancel nobody waits for these imports either; not during it, which it would slow down.
    """

    def __init__(self, preload: str = "simsiam_core.features.loaded") -> None:
        self._preload = preload
        self._changed = threading.Condition()  # guards all that follows
        self._tasks: dict[str, Task[Any]] = {}  # unfinished, in order; the first one may be running
        self._running: Task[Any] | None = None
        self._closed = False
        self._spare: Process | None = None
        self._process, self._connection = self._start()
        threading.Thread(target=self._work, name="inspection", daemon=True).start()

    @property
    def pid(self) -> int:
        """Of the worker's process at this moment."""
        return self._process.pid

    def submit(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> Task[T]:
        """Have `function(*args, progress=…, **kwargs)` run; arguments and result are plain data.

        The function stands at the top of a module and reports by `progress(fraction, text)`. The same
        request, while it is unfinished, gives the same task.
        """
        payload = _pickled((function, args, kwargs))
        key = hashlib.sha256(payload).hexdigest()
        with self._changed:
            if self._closed:
                raise WorkError("The server is closing; start it again.")
            if key not in self._tasks:
                self._tasks[key] = Task(self, key, payload)
                self._changed.notify_all()
            return self._tasks[key]

    def close(self) -> None:
        """End the process; unfinished tasks fail."""
        with self._changed:
            self._closed = True
            for task in list(self._tasks.values()):
                self._finish(task, None, WorkError("Cancelled: the server is closing."))
            self._process.kill()
            if self._spare is not None:
                self._spare[0].kill()
            self._changed.notify_all()
        self._process.wait()
        if self._spare is not None:
            self._spare[0].wait()
            self._spare[1].close()

    def __enter__(self) -> InspectionWorker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- the thread that talks to the process -----------------------------------------------------------

    def _work(self) -> None:
        while (task := self._next()) is not None:
            result, error = None, None
            began = time.monotonic()
            try:
                self._connection.send_bytes(task._payload)
                while (message := self._connection.recv())[0] == "progress":
                    task._reported = message[1:]
                if message[0] == "result":
                    result = message[1]
                else:
                    error = WorkError(*message[1:])
            except (EOFError, OSError):
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(END_SECONDS)  # its pipe closes a moment before its exit code is known
                self._process.kill()
                error = WorkError(_exit_reason(self._process.wait()))
            with self._changed:
                self._finish(task, result, error)
                if error is None and time.monotonic() - began > SPARE_AFTER_SECONDS:
                    self._start_spare()

    def _next(self) -> Task[Any] | None:
        """Wait for a task, and see to a living process to run it; None once closed."""
        with self._changed:
            self._running = None
            self._restart_if_dead()  # already now, so that it is warm when a request comes
            self._changed.wait_for(lambda: self._tasks or self._closed)
            if self._closed:
                self._connection.close()
                return None
            self._restart_if_dead()
            self._running = next(iter(self._tasks.values()))
            return self._running

    def _restart_if_dead(self) -> None:
        if not self._closed and self._process.poll() is not None:
            self._connection.close()
            spare, self._spare = self._spare, None
            if spare is not None and spare[0].poll() is not None:
                spare[1].close()
                spare = None
            self._process, self._connection = spare or self._start()

    def _start_spare(self) -> None:
        if self._spare is None and not self._closed:
            self._spare = self._start()

    def _start(self) -> Process:
        """Start a fresh interpreter. `multiprocessing` would import the server's main module, and gradio, too."""
        ours, theirs = Pipe()
        with theirs:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    f"from {SERVER} import serve; serve()",
                    str(theirs.fileno()),
                    self._preload,
                ],
                pass_fds=[theirs.fileno()],
                env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the server, whose end ends this
            )
        return process, ours

    def _finish(self, task: Task[Any], result: Any, error: WorkError | None) -> None:
        if self._tasks.pop(task._key, None) is None:
            return  # cancelled meanwhile
        if error is None:
            task._future.set_result(result)
        else:
            task._future.set_exception(error)

    def _cancel(self, task: Task[Any]) -> None:
        with self._changed:
            if not task.done:
                self._finish(task, None, WorkError("Cancelled."))
                if task is self._running:
                    self._process.kill()
                    self._process.wait()

    def _progress(self, task: Task[Any]) -> tuple[float, str]:
        running = self._running
        if running is None or running is task:
            return task._reported
        fraction, text = running._reported
        return fraction, f"Waiting. {text}"


def _exit_reason(exit_code: int) -> str:
    if crash := crash_name(exit_code):
        return (
            f"The worker process crashed ({crash}): a fault in the program or a library, not in your input."
        )
    return "The worker process was killed or ran out of memory; try again."


def _pickled(request: tuple[Any, ...]) -> bytes:
    """Pickled without the memo of what was seen before, so that equal requests give equal bytes."""
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer)
    pickler.fast = True
    pickler.dump(request)
    return buffer.getvalue()
