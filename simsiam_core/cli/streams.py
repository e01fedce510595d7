"""The standard streams of a command: open, able to print every name, and with errors that end it in a sentence."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class OutputError(Exception):
    """Standard output cannot be written; not an OSError, which a command may take for one of its own files'."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"Cannot write the output: {error.strerror}.")
        self.unread = error.errno in (
            errno.EPIPE,
            errno.EIO,
        )  # `| head` has what it wanted; a closed terminal


class _Checked:
    """Standard output that raises OutputError."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with self._checked():
            return int(self._stream.write(text))

    def flush(self) -> None:
        with self._checked():
            self._stream.flush()

    @contextmanager
    def _checked(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._discard()
            raise OutputError(error) from None

    def _discard(self) -> None:
        """Let the interpreter write what is left nowhere, when it ends."""
        with contextlib.suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)


class _Quiet(_Checked):
    """Standard error: where that cannot be written, there is nobody to tell."""

    @contextmanager
    def _checked(self) -> Iterator[None]:
        with contextlib.suppress(OSError):
            yield

    def write(self, text: str) -> int:
        super().write(text)
        return len(text)


@contextmanager
def standard_streams() -> Iterator[None]:
    r"""Within it, `sys.stdout` and `sys.stderr` print what their encoding lacks as `\xfc`, and standard output that
    cannot be written raises OutputError, at the latest in the end.
    """
    _open_closed_ones()
    before = sys.stdout, sys.stderr
    for stream in before:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.stdout, sys.stderr = stdout, stderr = _Checked(before[0]), _Quiet(before[1])
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        stderr.flush()
        stdout.flush()


def _open_closed_ones() -> None:
    """Open closed standard streams: else the first file opened would become standard output and be printed into."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest descriptor that is free is this one
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: SIM115
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
