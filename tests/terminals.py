"""A pseudo-terminal with a person in front of it."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
from warm import Start, Warm

ESCAPE = "\x1b"


class Screen:
    """What a command shows on a terminal of some width, and its exit code in the end."""

    def __init__(self, warm: Warm, argv: list[str], columns: int = 80, **options: Any) -> None:
        self.text, self._warm, self.columns = "", warm, columns
        self._master, self._slave = os.openpty()
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.pid = warm.start(Start(argv, terminal=os.ttyname(self._slave), **options))

    def read(self, until: str = "", seconds: float = 180) -> str:
        """Everything shown until a text is there, or until the end of the command."""
        deadline = time.monotonic() + seconds
        while not (until and until in self.text):
            assert time.monotonic() < deadline, self.text
            ended = self._ended()
            if select.select([self._master], [], [], 0 if ended else 0.05)[0]:
                self.text += os.read(self._master, 65536).decode()
            elif ended:
                assert not until, self.text
                break
        return self.text

    def type(self, text: str) -> None:
        """Type."""
        os.write(self._master, text.encode())

    def close(self) -> None:
        """Close the terminal's window."""
        for descriptor in (self._master, self._slave):
            os.close(descriptor)
        self._master = self._slave = -1

    def exit_code(self) -> int:
        return self._warm.wait(self.pid)

    def lines(self) -> list[str]:
        """What is left to read: of a line that was rewritten, what stands there in the end."""
        shown = []
        for line in self.text.replace("\r\n", "\n").split("\n"):
            cells: list[str] = []
            for piece in line.split("\r"):
                cells[: len(piece)] = piece
            shown.append("".join(cells).rstrip())
        return shown

    def _ended(self) -> bool:
        try:
            return psutil.Process(self.pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True


@contextmanager
def screen(warm: Warm, argv: list[str], **options: Any) -> Iterator[Screen]:
    shown = Screen(warm, argv, **options)
    try:
        yield shown
    finally:
        if shown._master >= 0:
            shown.close()


def shown(warm: Warm, argv: list[str], **options: Any) -> Screen:
    """A command that was watched to its end."""
    with screen(warm, argv, **options) as watched:
        watched.read()
    return watched
