"""What the tests of faults share: servers and trainers that may be killed at any moment."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from warm import Start, Warm

from simsiam_core.jobs import stop
from simsiam_core.runs import RunDirectory, RunStore

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


def free_port() -> int:
    """On loopback."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def wait_for(condition: Callable[[], object], seconds: float = 60, what: str = "waited in vain") -> float:
    """Seconds until the condition held."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, what
        time.sleep(0.02)
    return time.monotonic() - started


class Trainers:
    """Trainers that start within a fraction of a second."""

    def __init__(self, warm: Warm) -> None:
        self._warm = warm

    def start(
        self,
        run: RunDirectory,
        file_size_limit: int = 0,
        memory_limit: int = 0,
        prepare: list[Any] | None = None,
    ) -> int:
        """The pid of a process that works on the run; `prepare` as in `Start`."""
        return self.command(
            ["train", "--run", str(run.path)],
            log=str(run.log_path),
            file_size_limit=file_size_limit,
            memory_limit=memory_limit,
            prepare=prepare or [],
        )

    def command(self, argv: list[str], **options: Any) -> int:
        """The pid of a process that runs any command; `options` as in `Start`."""
        return self._warm.start(Start(argv, **options))

    def wait(self, pid: int) -> int:
        """The exit code of one that has ended, negative for a signal."""
        return self._warm.wait(pid)

    def train(
        self,
        run: RunDirectory,
        file_size_limit: int = 0,
        memory_limit: int = 0,
        prepare: list[Any] | None = None,
    ) -> None:
        """Start and wait for the end."""
        pid = self.start(run, file_size_limit, memory_limit, prepare)
        wait_for(lambda: _gone(pid), 180)


def _gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture(scope="session")
def trainers(warm: Warm) -> Trainers:
    return Trainers(warm)


class Queue:
    """The scheduler as a process, as `queue run` or as the whole dashboard."""

    def __init__(self, store: RunStore, log: Path, *, dashboard: bool = False) -> None:
        queue = ["-m", "simsiam_core", "queue", "run", "--forever", "--save-dir", str(store.path)]
        port = str(free_port())
        page = ["dashboard.py", "--no-browser", "--no-bundled", "--port", port, "--runs-dir", str(store.path)]
        self.log = log
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, *(page if dashboard else queue)],
                cwd=ROOT,
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**os.environ, **ENVIRONMENT},
            )

    def said(self, text: str) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        return text in self.log.read_text()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)


@pytest.fixture
def clean(store: RunStore) -> Iterator[None]:
    """Whatever a test does, no job of its store survives it."""
    yield
    for run in store.runs():
        if run.status().active:
            stop(run, timeout=10)
