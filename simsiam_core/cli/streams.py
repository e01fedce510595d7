"""Standard streams of a command: open, able to print any name, with write errors reported in one sentence."""

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
    """A failure to write standard output; not an OSError, which commands attribute to their own files."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"Cannot write the output: {error.strerror}.")
        # A reader that has ended, such as `| head`, or a closed terminal.
        self.unread = error.errno in (errno.EPIPE, errno.EIO)


class _Checked:
    """A wrapper of standard output that raises OutputError."""

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
        """Redirect the stream to /dev/null, so that the interpreter's flush at exit cannot fail."""
        with contextlib.suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)


class _Quiet(_Checked):
    """A wrapper of standard error that ignores write errors, since they cannot be reported."""

    @contextmanager
    def _checked(self) -> Iterator[None]:
        with contextlib.suppress(OSError):
            yield

    def write(self, text: str) -> int:
        super().write(text)
        return len(text)


@contextmanager
def standard_streams() -> Iterator[None]:
    r"""Make `sys.stdout` and `sys.stderr` escape characters their encoding lacks, as `\xfc`.

    Raises OutputError if standard output cannot be written, at the latest at the end of the block.
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
    """Open closed standard streams; otherwise the next file opened would become one of them."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free descriptor, which is this one
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: SIM115
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
