"""Commands that start within a fraction of a second: forked from a process that has imported what they need.

Run as a program it reads one JSON object a line: `Start`, which it answers with the pid, or `{"wait": pid}`, which it
answers with the exit code, negative for a signal.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import select
import subprocess
import sys
import traceback
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
IMPORTS = ("simsiam_core.cli", "simsiam_core.training.worker", "simsiam_core.evaluation.worker")


@dataclass
class Start:
    """A command and the world it starts in."""

    argv: list[str]
    terminal: str = ""  # the device that is its controlling terminal, standard input, output and error
    log: str = ""  # else the file that it writes to
    environment: dict[str, str] = field(default_factory=dict)
    folder: str = ""
    closed: list[int] = field(default_factory=list)  # streams that are closed at its start
    prepare: list[Any] = field(default_factory=list)  # "module:function" called first, and its arguments
    file_size_limit: int = 0  # bytes
    memory_limit: int = 0  # bytes beyond what the process has at its start


class Warm:
    """The client."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        )

    def start(self, start: Start) -> int:
        """The pid of the command."""
        return self._ask(asdict(start))

    def wait(self, pid: int) -> int:
        """Its exit code, once it has ended; negative for a signal."""
        return self._ask({"wait": pid})

    def _ask(self, question: dict[str, Any]) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)


def serve() -> None:
    ended: dict[int, int] = {}
    for line in sys.stdin:
        question = json.loads(line)
        if "wait" in question:
            pid = question["wait"]
            status = ended.pop(pid) if pid in ended else os.waitpid(pid, 0)[1]
            print(os.waitstatus_to_exitcode(status), flush=True)
            continue
        pid = os.fork()
        if pid == 0:
            os._exit(_run(Start(**question)))
        print(pid, flush=True)
        while True:  # leave no zombies behind
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            ended[pid] = status


def _run(start: Start) -> int:
    os.setsid()
    if start.terminal:
        streams = [os.open(start.terminal, os.O_RDWR)] * 3  # the first that a session opens is its own
    else:
        log = os.open(start.log or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        streams = [os.open(os.devnull, os.O_RDONLY), log, log]
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115 what a terminal is, they ask once
    for number in start.closed:
        os.close(number)
        setattr(sys, ("stdin", "stdout", "stderr")[number], None)
    os.environ.update(start.environment)
    os.chdir(start.folder or ".")
    if start.file_size_limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (start.file_size_limit,) * 2)
    if start.memory_limit:
        import psutil

        resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + start.memory_limit,) * 2)
    code = 1
    try:
        if start.prepare:
            module, name = start.prepare[0].split(":")
            getattr(importlib.import_module(module), name)(*start.prepare[1:])
        code = importlib.import_module("simsiam_core.cli").main(start.argv)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    with contextlib.suppress(OSError, AttributeError):
        sys.stdout.flush()
    return code


def redirect_stderr(path: str, pipe: int) -> None:
    """A `prepare` of a `Start`: standard error into a file, when everybody is gone who reads standard output."""
    sys.stderr = open(path, "w", buffering=1)  # noqa: SIM115
    if pipe >= 0:
        poll = select.poll()
        poll.register(1, select.POLLERR)
        poll.poll()  # returns when there is no reader any more


if __name__ == "__main__":
    for name in IMPORTS:
        importlib.import_module(name)
    serve()
