"""What the tests ask of a worker: in a module without torch, so that its process is there at once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from simsiam_core.config import ConfigError
from simsiam_core.runs import RunError


def double(number: int, progress: Callable[[float, str], None]) -> tuple[int, int]:
    return 2 * number, os.getpid()


def hold(release: Path, started: Path, progress: Callable[[float, str], None]) -> int:
    """Works until `release` exists; each call leaves a line in `started`."""
    with started.open("a") as file:
        file.write("x\n")
    while not release.exists():
        progress(0.5, "Half of it")
        time.sleep(0.01)
    return 42


def crash(progress: Callable[[float, str], None]) -> None:
    """As a fault in a compiled library does."""
    os.kill(os.getpid(), signal.SIGSEGV)


def fail(kind: str, progress: Callable[[float, str], None]) -> None:
    if kind == "config":
        raise ConfigError.at("data.path", "There is no such folder.")
    if kind == "run":
        raise RunError("There is no such run.")
    raise ZeroDivisionError("a fault\nin two lines")
