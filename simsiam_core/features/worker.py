"""A worker process beside the server for work that must not block the page: encoding, neighbours, previews.

One socket connects the two: it carries requests, progress and results, and when it closes, each side knows
that the other has exited. So the worker exits with the server, however that ends, and a worker that was
killed costs one request. `concurrent.futures` is not used because it can neither stop a running call nor
report its progress. Torch is not imported here, only in the worker process.
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
SERVER = "simsiam_core.features.worker_process"  # not imported here: it runs only in the worker process
END_SECONDS = 1.0  # maximum wait for a process to exit after its pipe has closed
SPARE_AFTER_SECONDS = 2.0  # after a task longer than this, the next one may well be cancelled


class WorkError(RuntimeError):
    """A failed request, as one sentence; `problems` lists the invalid settings, if any."""

    def __init__(self, message: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class Task(Generic[T]):
    """A request to the worker, shared by all callers that submit the same one before it has finished."""

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
        """Fraction from 0 to 1 and a status text; for a queued task, those of the running task."""
        return (1.0, "Done") if self.done else self._worker._progress(self)

    def result(self, timeout: float | None = None) -> T:
        """Wait for the result. Raises WorkError, or TimeoutError after `timeout` seconds."""
        return self._future.result(timeout)

    def watch(self, every: float = 0.1) -> Iterator[tuple[float, str]]:
        """Yield the progress whenever it has changed, until the task is done."""
        last = None
        while not self.done:
            now = self.progress
            if now != last:
                yield now
            last = now
            wait([self._future], every)

    def cancel(self) -> None:
        """Cancel the task for all callers; if it is running, its process is killed and a new one started."""
        self._worker._cancel(self)


class InspectionWorker:
    """A worker process that runs functions sequentially and is restarted if it has died.

    `preload` names a module to import at the start, so that the first request does not wait for it, or a
    function to call ("package.module:function"). After a long task a spare process is started, so that a
    cancel does not cause a wait for these imports; it is not started during the task, which it would slow
    down.
    """

    def __init__(self, preload: str = "simsiam_core.features.loaded") -> None:
        self._preload = preload
        self._changed = threading.Condition()  # guards all attributes below
        self._tasks: dict[str, Task[Any]] = {}  # unfinished, in order; the first may be running
        self._running: Task[Any] | None = None
        self._closed = False
        self._spare: Process | None = None
        self._process, self._connection = self._start()
        threading.Thread(target=self._work, name="inspection", daemon=True).start()

    @property
    def pid(self) -> int:
        """Process id of the current worker process."""
        return self._process.pid

    def submit(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> Task[T]:
        """Queue `function(*args, progress=…, **kwargs)`; arguments and result are plain data.

        The function must be defined at module level and reports by `progress(fraction, text)`. Submitting an
        identical unfinished request returns the same task. Raises WorkError once closed.
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
        """Kill the worker process; unfinished tasks fail with WorkError."""
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

    # --- thread that communicates with the worker process -----------------------------------------------

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
                    self._process.wait(END_SECONDS)  # the pipe closes before the exit code is available
                self._process.kill()
                error = WorkError(_exit_reason(self._process.wait()))
            with self._changed:
                self._finish(task, result, error)
                if error is None and time.monotonic() - began > SPARE_AFTER_SECONDS:
                    self._start_spare()

    def _next(self) -> Task[Any] | None:
        """Wait for a task and ensure that the worker process is alive; returns None once closed."""
        with self._changed:
            self._running = None
            self._restart_if_dead()  # before waiting, so that it is warm when a request arrives
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
        """Start a new interpreter; `multiprocessing` would import the server's main module and gradio."""
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
                start_new_session=True,  # Ctrl-C goes to the server; the worker then exits
            )
        return process, ours

    def _finish(self, task: Task[Any], result: Any, error: WorkError | None) -> None:
        if self._tasks.pop(task._key, None) is None:
            return  # already cancelled
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
    """Pickle without memoisation, so that equal requests give equal bytes."""
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer)
    pickler.fast = True
    pickler.dump(request)
    return buffer.getvalue()
