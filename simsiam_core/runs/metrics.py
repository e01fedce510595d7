"""Reading and writing `metrics.jsonl`: append-only, one object per line; a truncated last line is ignored.

Readers return only integer steps and finite numbers. Everything else is dropped, counted and reported, since
the file may be damaged by power cuts, disks or editors. null stands for a measurement without a finite value.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from simsiam_core.runs.files import replacing
from simsiam_core.runs.json_files import dumps

TAIL_BYTES = 256  # includes the last line's time, which differs between any two runs
SEARCHED_BYTES = 4 * 2**20  # about 25,000 lines, enough to find a metric measured every few epochs
PACED_BYTES = 128 * 2**10  # about 800 lines, for the recent pace
MOST_STEPS = 2**53
LATEST_TIME = 1e11  # seconds since the epoch; later ones cannot be converted to a date
MOST = 1e300  # of a metric; larger values overflow in plots
COORDINATES = ("step", "epoch", "time")  # keys of a line; all others are metrics
MetricLine = dict[str, Any]  # {"step": int, "epoch": int, "time": float, "<metric>": number, …}


class MetricsWriter:
    """A writer that appends metric lines; used only by the training process."""

    def __init__(self, path: Path) -> None:
        drop_truncated_line(path)
        self._file = path.open("ab", buffering=0)

    def write(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Append lines with a single system call, so that readers see whole lines.

        On a full disk a partial write is undone and OSError raised.
        """
        data = "".join(dumps(line, separators=(",", ":")) + "\n" for line in lines).encode()
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
    """An incremental reader of a growing `metrics.jsonl`: each poll reads only what was added.

    `rewinds` counts how often the part already read was found changed, as when a resumed run rewinds to its
    checkpoint; the file is then read again from its first line. `problem` describes what could not be read so
    far, or is empty.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._tail = b""  # the last bytes read: they differ if the file was truncated and grew again
        self._version: tuple[int, ...] = ()
        self.rewinds = 0
        self._lines = self._damaged = 0
        self._first_damage = self._unreadable = ""

    @property
    def problem(self) -> str:
        """What is wrong with the file, as a sentence; empty if nothing."""
        if self._unreadable or not self._damaged:
            return self._unreadable
        count = f"{self._damaged:,} damaged line{'s' if self._damaged > 1 else ''}"
        return f"{self._path.name} has {count}, of which only what is sound is shown: {self._first_damage}."

    def poll(self) -> list[MetricLine]:
        """Return the complete lines added since the last poll, without invalid parts of damaged ones."""
        try:
            found = self._path.stat()
            version = (found.st_ino, found.st_size, found.st_mtime_ns)
            if version == self._version:
                return []
            if not stat.S_ISREG(found.st_mode):
                raise IsADirectoryError(errno.EISDIR, "it is a folder or device where a file belongs")
            with self._path.open("rb") as file:
                file.seek(self._offset - len(self._tail))
                if file.read(len(self._tail)) != self._tail:
                    self._offset, self._tail = 0, b""
                    self._lines, self._damaged, self._first_damage = 0, 0, ""
                    self.rewinds += 1
                    file.seek(0)
                data = file.read()
        except FileNotFoundError:
            return []
        except OSError as error:
            self._unreadable = f"{self._path.name} cannot be read: {error.strerror}."
            return []
        self._unreadable = ""
        self._version = version
        complete = data.rfind(b"\n") + 1
        self._offset += complete
        self._tail = (self._tail + data[:complete])[-TAIL_BYTES:]
        return [metric for line in data[:complete].split(b"\n")[:-1] if (metric := self._one(line))]

    def _one(self, line: bytes) -> MetricLine | None:
        self._lines += 1
        metric, damage = _checked(line)
        if damage:
            self._damaged += 1
            self._first_damage = self._first_damage or f"line {self._lines}: {damage}"
        return metric


def read_metrics(path: Path) -> list[MetricLine]:
    """Return every complete line of the file."""
    return MetricsReader(path).poll()


@dataclass(frozen=True)
class Recent:
    """The end of a metrics file: the newest value of each requested metric, and two lines that give the pace.

    `first` and `last` are the (step, time) of these lines; None where there is no line.
    """

    values: Mapping[str, float] = field(default_factory=dict)
    first: tuple[int, float] | None = None
    last: tuple[int, float] | None = None


def recent(path: Path, names: Iterable[str], since: float = 0.0) -> Recent:
    """Read the end of a file of any length without reading all of it; `first` is not earlier than `since`.

    Nor is it before the last backward jump of the time, where another process began.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return Recent()
        with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
            values = {name: value for name in names if (value := _newest(data, name)) is not None}
            begin = max(0, len(data) - PACED_BYTES)
            whole = data.find(b"\n", begin) + 1 if begin else 0
            lines = data[whole : data.rfind(b"\n") + 1].split(b"\n")[:-1]
    except (OSError, ValueError):  # missing, unreadable or empty
        return Recent()
    first, last = None, None
    for moment in (found for line in reversed(lines) if (found := _moment(line))):
        last = last or moment
        if moment[1] < since or (first and moment[1] > first[1]):
            break
        first = moment
    return Recent(values, first, last if first else None)


def rewind(path: Path, step: int) -> int:
    """Remove unreadable lines and those after `step`, which a resumed run measures again; returns the count.

    They are kept in the file `cut_path` beside the metrics file.
    """
    if not path.exists():
        return 0
    kept, cut = list[bytes](), list[bytes]()
    for line in path.read_bytes().splitlines():
        metric = _parsed(line)
        (kept if metric and metric["step"] <= step else cut).append(line)
    if cut:
        with cut_path(path).open("ab") as file:
            file.write(_joined(cut))
            file.flush()
            os.fsync(file.fileno())  # on disk before they are removed from the metrics file
        with replacing(path, durable=True) as temporary:
            temporary.write_bytes(_joined(kept))
    return len(cut)


def cut_path(path: Path) -> Path:
    """Return the file for removed lines: `metrics.cut.jsonl` beside `metrics.jsonl`."""
    return path.with_suffix(f".cut{path.suffix}")


def _joined(lines: list[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


def drop_truncated_line(path: Path) -> None:
    """Remove a last line without newline, left by a killed process, so that appending starts a new line."""
    if not path.exists():
        return
    data = path.read_bytes()
    if data and not data.endswith(b"\n"):
        os.truncate(path, data.rfind(b"\n") + 1)


def _parsed(line: bytes) -> MetricLine | None:
    return _checked(line)[0]


def _checked(line: bytes) -> tuple[MetricLine | None, str]:
    """Return the valid values of a line, or None if its step or time is invalid; and what is damaged."""
    try:
        value = from_json(line)  # five times as fast as json, and a page may load 200,000 lines
    except ValueError:
        return None, "it is not JSON"
    if not isinstance(value, dict):
        return None, "it is no JSON object"
    step, time = value.get("step"), value.get("time", 0.0)
    if type(step) is not int or not 0 <= step <= MOST_STEPS:
        return None, "it has no step" if step is None else "its step is no whole number of steps"
    if type(time) not in (int, float) or not 0 <= time <= LATEST_TIME:
        return None, "its time is no time"
    damage = ""
    for name, number in list(value.items()):
        if type(number) not in (int, float) or not -MOST <= number <= MOST:
            if number is not None:
                damage = damage or f"{name} is no number"
            del value[name]
    return value, damage


def _newest(data: mmap, name: str) -> float | None:
    """Return the last value of that metric in a complete line; only lines containing the name are parsed."""
    end, key = data.rfind(b"\n"), json.dumps(name).encode()
    least = max(0, end - SEARCHED_BYTES)
    while (at := data.rfind(key, least, max(end, 0))) >= 0:
        start = data.rfind(b"\n", 0, at) + 1
        value = (_parsed(data[start : data.find(b"\n", at)]) or {}).get(name)
        if value is not None:
            return float(value)
        end = start
    return None


def _moment(line: bytes) -> tuple[int, float] | None:
    """Return the step and time of a line; None for a damaged line or one without a time."""
    metric = _parsed(line) or {}
    return (metric["step"], float(metric["time"])) if "time" in metric else None
