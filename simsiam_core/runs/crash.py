"""Crashes of the program itself, told apart from a process that was killed: by what stands in its log.

Python's faulthandler writes there which signal ended it and where; whoever started it adds the signal it saw.
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

TAIL_BYTES = 256 * 1024  # of the log: the traces of many threads fit
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
    """Have a crash of this process written to `log`; of one that stands there already, that it was another's."""
    before = faulthandler.is_enabled()
    try:
        file = log.open("ab", buffering=0)
    except OSError:  # a full disk: training itself tells of that
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
    """Note by which signal a process was ended, if by one; `exit_code` as `Popen.wait` returns it."""
    if exit_code >= 0:
        return
    try:
        with log.open("ab") as file:
            file.write(f"\n{_ENDED.format(signal.Signals(-exit_code).name)}\n".encode())
    except (OSError, ValueError):  # the run has been moved away, or the signal has no name
        return


def crash_name(exit_code: int) -> str | None:
    """Say what ended a process that crashed, such as "Segmentation fault"; None if it ended in another way."""
    try:
        return _NAMES.get(signal.Signals(-exit_code).name) if exit_code < 0 else None
    except ValueError:
        return None


def crash_in(log: Path) -> str | None:
    """Say what ended the last process that wrote this log, such as "Segmentation fault"; None if no crash did."""
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
