"""Crash detection from a run's log, which distinguishes a crashed process from a killed one.

Python's faulthandler writes the fatal signal and the stack to the log; the parent process adds the signal it
saw.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

TAIL_BYTES = 256 * 1024  # of the log: enough for the stack traces of many threads
_BEGINS = "Process {} goes on with this log."
_ENDED = "The process was ended by {}."
_LAST = re.compile(
    rb"^(?:Fatal Python error: (?P<fault>[^\r\n]+)"
    rb"|The process was ended by (?P<signal>SIG\w+)\."
    rb"|(?P<begins>Process \d+ goes on with this log\.))",
    re.MULTILINE,
)
_NAMES = {
    "SIGSEGV": "Segmentation fault",
    "SIGABRT": "Aborted",
    "SIGBUS": "Bus error",
    "SIGILL": "Illegal instruction",
    "SIGFPE": "Floating-point exception",
}


@contextlib.contextmanager
def crashes_logged(log: Path) -> Iterator[None]:
    """Log a crash of this process to `log`; first marks an earlier crash there as another process's."""
    before = faulthandler.is_enabled()
    try:
        file = log.open("ab", buffering=0)
    except OSError:  # a full disk: training reports it
        yield
        return
    with file:
        if crash_in(log):
            file.write(_BEGINS.format(os.getpid()).encode() + b"\n")
        faulthandler.enable(file)
        try:
            yield
        finally:
            faulthandler.disable()
            if before:
                faulthandler.enable(sys.__stderr__ or 2)


def log_end(log: Path, exit_code: int) -> None:
    """Write to the log which signal ended a process, if any; `exit_code` is that of `Popen.wait`."""
    if exit_code >= 0:
        return
    try:
        with log.open("ab") as file:
            file.write(f"\n{_ENDED.format(signal.Signals(-exit_code).name)}\n".encode())
    except (OSError, ValueError):  # the run was moved, or the signal has no name
        return


def crash_name(exit_code: int) -> str | None:
    """Return what a process crashed with, such as "Segmentation fault"; None if it did not crash."""
    try:
        return _NAMES.get(signal.Signals(-exit_code).name) if exit_code < 0 else None
    except ValueError:
        return None


def crash_in(log: Path) -> str | None:
    """Return what the last process of this log crashed with, such as "Segmentation fault", or None."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL_BYTES))
            found = list(_LAST.finditer(file.read()))
    except OSError:
        return None
    if not found or found[-1]["begins"]:
        return None
    if found[-1]["fault"]:
        return found[-1]["fault"].decode(errors="replace")
    return _NAMES.get(found[-1]["signal"].decode())
