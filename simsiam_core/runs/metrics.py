"""`metrics.jsonl`: append-only, one object a line; a truncated last line is ignored."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

Metric = dict[str, Any]  # {"step": int, "epoch": int, "time": float, "<metric>": number, …}


class MetricsWriter:
    """Appends metric lines; used by the training process alone."""

    def __init__(self, path: Path) -> None:
        drop_truncated_line(path)
        self._file = path.open("ab", buffering=0)

    def write(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Append lines with a single system call, so that a reader sees whole lines but for a full disk."""
        data = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
        if data:
            self._file.write(data.encode())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class MetricsReader:
    """Reads a growing `metrics.jsonl` piece by piece: each poll costs what was added, not the whole file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def poll(self) -> list[Metric]:
        """The complete lines added since the last poll; those that are no JSON object are passed over."""
        try:
            with self._path.open("rb") as file:
                if os.fstat(file.fileno()).st_size < self._offset:
                    self._offset = 0  # rewound by a resumed run: what was read before is no longer there
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        complete = data.rfind(b"\n") + 1
        self._offset += complete
        return [metric for line in data[:complete].splitlines() if (metric := _parsed(line)) is not None]


def read_metrics(path: Path) -> list[Metric]:
    """Every complete line of the file."""
    return MetricsReader(path).poll()


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
