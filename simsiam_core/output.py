"""Process output: printed to the run's log, and to the terminal while it can be written.

Printing never fails or blocks the work: not with a closed reader (a closed terminal, `| head`), a stalled one
(Ctrl-S, a frozen connection) or a full disk under a redirected stdout.
"""

from __future__ import annotations

import contextlib
import io
import os
import queue
import re
import select
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

WAITING_PIECES = 1000  # of output queued for the terminal
STALL_SECONDS = 1.0  # without progress before output that does not fit in the queue is dropped
CLOSE_SECONDS = 1.0  # longest wait for the terminal at exit
LOST = "Nobody reads the terminal any more; from here on this log alone has what is printed."
# Colours, cursor movements, titles: ECMA-48 control sequences, operating system commands, two-byte escapes.
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])")


def plain(line: str) -> str:
    """Return a line as it appears when printed: without escapes, and only the part after the last return."""
    return _ESCAPE.sub("", line).rstrip("\r").rpartition("\r")[2]


def rewrites_lines(stream: Any) -> bool:
    """Return whether the stream is a terminal that can rewrite its current line, for progress bars."""
    return stream is not None and stream.isatty() and os.environ.get("TERM", "") not in ("", "dumb")


class Bar(Protocol):
    """A progress line at the bottom of a terminal, such as tqdm's."""

    def clear(self) -> None:
        """Remove the line."""

    def refresh(self) -> Any:
        """Draw the line again."""


class Terminal(io.TextIOBase):
    """The original stdout or stderr, written by a thread so that a slow reader never blocks the program.

    `bar` is a progress line, cleared while other output is printed.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.bar: Bar | None = None
        self.lost = False  # writing failed: the reader is gone
        self._stalled = False  # the reader does not read
        self._line = ""  # an incomplete line held back while a bar is shown
        self._pieces: queue.Queue[bytes | None] = queue.Queue(WAITING_PIECES)
        self._thread: threading.Thread | None = None
        try:
            self._descriptor: int | None = stream.fileno()
            stream.flush()
        except (OSError, ValueError):  # not a file, as in a test that captures output
            self._descriptor = None

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the underlying stream."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        """Return whether the underlying stream is a terminal."""
        return bool(self._stream.isatty())

    def fileno(self) -> int:
        """Return the descriptor of the underlying stream. Raises UnsupportedOperation if it has none."""
        return int(self._stream.fileno())

    def write(self, text: str) -> int:
        """Queue text for the writer thread; dropped if the queue stays full."""
        if self.lost or not text:
            return len(text)
        if self._descriptor is None:
            with contextlib.suppress(Exception):  # a foreign stream, possibly closed
                self._stream.write(text)
            return len(text)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="terminal", daemon=True)
            self._thread.start()
        try:
            piece = text.encode(self.encoding, "backslashreplace")
            self._pieces.put(piece, timeout=0.0 if self._stalled else STALL_SECONDS)
        except queue.Full:
            self._stalled = True
        return len(text)

    def print(self, text: str) -> None:
        """Write text, above the bar if there is one."""
        if self.bar is None:
            self.write(text)
            return
        self._line += text
        whole, newline, self._line = self._line.rpartition("\n")
        if newline:
            self.bar.clear()
            self.write(whole + newline)
            self.bar.refresh()

    def close(self) -> None:
        """Wait until all is written, up to `CLOSE_SECONDS`. Later output goes directly to the stream."""
        rest, self._line = self._line, ""
        self.write(rest)
        if self._thread is not None:
            with contextlib.suppress(queue.Full):
                self._pieces.put(None, timeout=CLOSE_SECONDS)
            self._thread.join(CLOSE_SECONDS)
            self._thread = None
        self._descriptor = None

    def _work(self) -> None:
        assert self._descriptor is not None
        descriptor = self._descriptor
        while (piece := self._pieces.get()) is not None:
            try:
                _write_all(descriptor, piece)
                self._stalled = False
            except OSError:
                self.lost = True
                return


class Log:
    """A run's `log.txt`: complete lines of plain text. A full disk is ignored."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        self._once: set[str] = set()

    def write_once(self, line: str) -> None:
        """Append a line, unless this method has already written it."""
        if line not in self._once:
            self._once.add(line)
            self.write(line)

    def write(self, line: str) -> None:
        """Append one line."""
        with contextlib.suppress(OSError):
            _write_all(self._descriptor, (plain(line) + "\n").encode("utf-8", "backslashreplace"))

    def is_file(self, stream: Any) -> bool:
        """Return whether the stream already writes to this file, as in a background job."""
        try:
            return os.path.samestat(os.fstat(self._descriptor), os.fstat(stream.fileno()))
        except (OSError, ValueError, AttributeError):
            return False

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


class Output(io.TextIOBase):
    """A replacement for `sys.stdout` or `sys.stderr`: writes to a log by lines, and to a terminal at once."""

    encoding = "utf-8"

    def __init__(self, log: Log | None, terminal: Terminal | None) -> None:
        self._log, self._terminal = log, terminal
        self._lock = threading.RLock()
        self._line = ""

    def write(self, text: str) -> int:
        """Write to the log and the terminal; never raises."""
        with self._lock:
            if self._terminal is not None:
                self._terminal.print(text)
            if self._log is not None:
                if self._terminal is not None and self._terminal.lost:
                    self._log.write_once(LOST)
                *lines, rest = (self._line + text).split("\n")
                for line in lines:
                    self._log.write(line)
                self._line = rest[:-1].rpartition("\r")[2] + rest[-1:]  # last state of a progress bar
        return len(text)

    def isatty(self) -> bool:
        """Return whether there is a terminal."""
        return self._terminal is not None and self._terminal.isatty()

    def fileno(self) -> int:
        """Return the descriptor of the terminal. Raises UnsupportedOperation without one."""
        return self._terminal.fileno() if self._terminal is not None else super().fileno()

    def finish(self) -> None:
        """Write the incomplete line; later output goes only to the terminal."""
        with self._lock:
            if self._log is not None and self._line:
                self._log.write(self._line)
            self._log, self._line = None, ""


@contextmanager
def recorded(log_path: Path | None = None, *, stdout_is_for_json: bool = False) -> Iterator[Terminal | None]:
    """Redirect prints to the log and, while it can be written, the terminal; yields that of standard error.

    Without a log only the terminal is written, in the same way. `stdout_is_for_json` sends prints to standard
    error instead. An exception that leaves the block is also logged.
    """
    before = sys.stdout, sys.stderr
    log = Log(log_path) if log_path else None
    terminals = [
        None if stream is None or (log and log.is_file(stream)) else Terminal(stream) for stream in before
    ]
    if stdout_is_for_json or _same_terminal(*terminals):
        terminals[0] = terminals[1]  # for a single bar and correctly ordered lines
    outputs = [Output(log, terminal) for terminal in terminals]
    sys.stdout, sys.stderr = outputs
    try:
        yield terminals[1]
    except Exception:
        if log and terminals[1] is not None:
            log.write(traceback.format_exc().rstrip())
        raise
    finally:
        sys.stdout, sys.stderr = before
        for output in outputs:
            output.finish()
        for terminal in dict.fromkeys(terminals):
            if terminal is not None:
                terminal.close()
        if log is not None:
            log.close()


def _same_terminal(out: Terminal | None, err: Terminal | None) -> bool:
    if out is None or err is None or not (out.isatty() and err.isatty()):
        return False
    return os.path.samestat(os.fstat(out.fileno()), os.fstat(err.fileno()))


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:  # another program on the terminal has set it to non-blocking
            select.select([], [descriptor], [], 1.0)
