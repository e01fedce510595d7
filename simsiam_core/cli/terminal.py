"""Terminal output of commands: wrapped table rows, confirmations and a temporary progress line.

No escape sequences are used, so `NO_COLOR` has no effect and `TERM=dumb` only disables progress.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from simsiam_core.output import rewrites_lines
from simsiam_core.runs import RunError

NARROW = 18  # columns; the least width in which the last column is wrapped


def print_row(*columns: str, text: str = "") -> None:
    """Print a table row or a sentence; on a terminal `text`, the last column, is wrapped with a hanging
    indent.

    In a file or pipe it stays on one line. Names are never broken, so that they can be copied.
    """
    start = "  ".join(columns)
    line = f"{start}  {text}" if start and text else start or text
    if not sys.stdout.isatty():
        print(line)
        return
    width = shutil.get_terminal_size().columns
    indent = len(start) + 2 if start else 0
    if width - indent < NARROW:
        indent = 4
    lines = textwrap.wrap(
        line,
        width,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
    )
    print("\n".join(lines) if len(line) > width else line)


def confirmed(question: str, yes: bool) -> bool:
    """Ask for confirmation of a deletion, unless `yes`. Raises RunError without a terminal."""
    if yes:
        return True
    if not sys.stdin.isatty():
        raise RunError("There is nobody to ask; add --yes to delete without a question.")
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


@contextmanager
def progress_line() -> Iterator[Callable[[float, str], None]]:
    """Yield a `Progress` callback that shows progress on one line of a terminal; silent in a file or pipe.

    The line is cleared when the block ends.
    """
    if not rewrites_lines(sys.stderr):
        yield lambda _share, _activity: None
        return
    width = shutil.get_terminal_size().columns - 1

    def show(line: str) -> None:
        print(f"\r{line[:width]:<{width}}\r", end="", file=sys.stderr, flush=True)

    try:
        yield lambda share, activity: show(f"{activity} ({share:.0%})")
    finally:
        show("")
