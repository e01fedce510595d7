"""What commands show on a terminal: lines that fit it, and progress that leaves nothing behind.

No escape sequences anywhere: `NO_COLOR` and `TERM=dumb` have nothing to switch off but the progress.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from simsiam_core.output import rewrites_lines
from simsiam_core.runs import RunError

NARROW = 18  # columns; what is left of a line for its last part may be no less


def print_row(*columns: str, text: str = "") -> None:
    """Print one row of a table, or a sentence; on a terminal `text`, the last column, wraps below itself.

    A file or a pipe gets it on one line. Names are never broken, so that they can be copied.
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
    """Ask before something is deleted, unless `yes`. Raises RunError where there is no terminal to ask on."""
    if yes:
        return True
    if not sys.stdin.isatty():
        raise RunError("There is nobody to ask; add --yes to delete without a question.")
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


@contextmanager
def progress_line() -> Iterator[Callable[[float, str], None]]:
    """Yield a `Progress` callback that shows progress on one line of a terminal, and nothing in a file or pipe.

    The line is gone when the block ends: what is printed next begins in its place.
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
