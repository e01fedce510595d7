"""Writing so that a reader, or a power cut, never meets half a file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def remove_leftovers(folder: Path) -> None:
    """Delete what a killed process was writing; only for a folder that nobody writes to."""
    for path in folder.glob(".*.part"):
        path.unlink(missing_ok=True)


@contextmanager
def replacing(target: Path, *, durable: bool = False) -> Iterator[Path]:
    """Yield a temporary path in the target's folder; rename it onto the target if the block succeeds.

    `durable` also waits until the bytes are on the disk: for what must survive a power cut.
    """
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        if durable:
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
        temporary.chmod(0o644)  # mkstemp makes it private; a run directory is as readable as its parent
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(target: Path, text: str) -> None:
    """Replace a small text file in one step."""
    with replacing(target) as temporary:
        temporary.write_text(text, encoding="utf-8")
