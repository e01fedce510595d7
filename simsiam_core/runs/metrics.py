"""`metrics.jsonl`: append-only, one object a line; a truncated last line is ignored."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from simsiam_core.runs.files import replacing

TAIL_BYTES = 256  # of the last line and its time: no two runs of the same steps agree in it
Metric = dict[str, Any]  # {"step": int, "epoch": int, "time": float, "<metric>": number, …}


class MetricsWriter:
    """Appends metric lines; used by the training process alone."""

    def __init__(self, path: Path) -> None:
        drop_truncated_line(path)
        self._file = path.open("ab", buffering=0)

    def write(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Append lines with a single system call, so that a reader sees whole lines.

        All or nothing: on a full disk what fitted is taken back, and OSError is raised.
        """
        data = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines).encode()
        if not data:
            return
        before = os.fstat(self._file.fileno()).st_size
        try:
            if self._file.write(data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            os.ftruncate(self._file.fileno(), before)
            raise

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class MetricsReader:
    """Reads a growing `metrics.jsonl` piece by piece: each poll costs what was added, not the whole file.

    `rewinds` counts how often the file turned out to be another one than was read so far: a resumed run
    goes back to its checkpoint. The next poll then starts from the first line.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._tail = b""  # the last bytes read: a file that shrank and grew again shows other ones there
        self.rewinds = 0

    def poll(self) -> list[Metric]:
        """The complete lines added since the last poll; those that are no JSON object are passed over."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset - len(self._tail))
                if file.read(len(self._tail)) != self._tail:
                    self._offset, self._tail = 0, b""
                    self.rewinds += 1
                    file.seek(0)
                data = file.read()
        except FileNotFoundError:
            return []
        complete = data.rfind(b"\n") + 1
        self._offset += complete
        self._tail = (self._tail + data[:complete])[-TAIL_BYTES:]
        return [metric for line in data[:complete].splitlines() if (metric := _parsed(line)) is not None]


def read_metrics(path: Path) -> list[Metric]:
    """Every complete line of the file."""
    return MetricsReader(path).poll()


def rewind(path: Path, step: int) -> None:
    """Drop what was measured after `step`: a resumed run measures it again."""
    if not path.exists():
        return
    kept = [line for line in path.read_bytes().splitlines() if (m := _parsed(line)) and m["step"] <= step]
    with replacing(path, durable=True) as temporary:
        temporary.write_bytes(b"".join(line + b"\n" for line in kept))


def drop_truncated_line(path: Path) -> None:
    """Cut a last line without its newline, left by a killed process, so that the next one starts clean."""
    if not path.exists():
        return
    data = path.read_bytes()
    if data and not data.endswith(b"\n"):
        os.truncate(path, data.rfind(b"\n") + 1)


def _parsed(line: bytes) -> Metric | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) and isinstance(value.get("step"), int) else None
