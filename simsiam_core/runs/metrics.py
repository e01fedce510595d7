"""`metrics.jsonl`: append-only, one object a line; a truncated last line is ignored.

Whoever reads gets whole steps and finite numbers alone. What is neither is left out, counted and told: the file
outlives power cuts, disks and editors. null stands for a measurement that gave no number.
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

TAIL_BYTES = 256  # of the last line and its time: no two runs of the same steps agree in it
SEARCHED_BYTES = 4 * 2**20  # about 25,000 lines, in which a metric that is measured every few epochs is found
PACED_BYTES = 128 * 2**10  # about 800 lines, which tell the pace of late
MOST_STEPS = 2**53
LATEST_TIME = 1e11  # seconds of the epoch; later ones have no date
MOST = 1e300  # of a metric; larger ones overflow as soon as they are drawn
COORDINATES = ("step", "epoch", "time")  # of a line; everything else is a metric
MetricLine = dict[str, Any]  # {"step": int, "epoch": int, "time": float, "<metric>": number, …}


class MetricsWriter:
    """Appends metric lines; used by the training process alone."""

    def __init__(self, path: Path) -> None:
        drop_truncated_line(path)
        self._file = path.open("ab", buffering=0)

    def write(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Append lines with a single system call, so that a reader sees whole lines.

        All or nothing: on a full disk what fitted is taken back, and OSError is raised.
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
    """Reads a growing `metrics.jsonl` piece by piece: each poll costs what was added, not the whole file.

    `rewinds` counts how often the file turned out to be another one than was read so far: a resumed run
    goes back to its checkpoint. The next poll then starts from the first line. `problem` says in a sentence
    what could not be read so far; it is empty as long as all could.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._tail = b""  # the last bytes read: a file that shrank and grew again shows other ones there
        self._version: tuple[int, ...] = ()
        self.rewinds = 0
        self._lines = self._damaged = 0
        self._first_damage = self._unreadable = ""

    @property
    def problem(self) -> str:
        """What is wrong with the file, in a sentence."""
        if self._unreadable or not self._damaged:
            return self._unreadable
        count = f"{self._damaged:,} damaged line{'s' if self._damaged > 1 else ''}"
        return f"{self._path.name} has {count}, of which only what is sound is shown: {self._first_damage}."

    def poll(self) -> list[MetricLine]:
        """Return the complete lines added since the last poll; of damaged ones what is sound, or nothing."""
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
    """The end of a record: the newest value of each metric that was asked for, and what tells the pace.

    `first` and `last` are the step and the time of two lines; None where there is no line.
    """

    values: Mapping[str, float] = field(default_factory=dict)
    first: tuple[int, float] | None = None
    last: tuple[int, float] | None = None


def recent(path: Path, names: Iterable[str], since: float = 0.0) -> Recent:
    """Near the end of a file of any length, without reading all of it; `first` is not before the time `since`.

    Nor is it before the last time at which the record's clock was set back: that was another process.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return Recent()
        with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
            values = {name: value for name in names if (value := _newest(data, name)) is not None}
            begin = max(0, len(data) - PACED_BYTES)
            whole = data.find(b"\n", begin) + 1 if begin else 0
            lines = data[whole : data.rfind(b"\n") + 1].split(b"\n")[:-1]
    except (OSError, ValueError):  # not there, not to be read, or empty
        return Recent()
    first, last = None, None
    for moment in (found for line in reversed(lines) if (found := _moment(line))):
        last = last or moment
        if moment[1] < since or (first and moment[1] > first[1]):
            break
        first = moment
    return Recent(values, first, last if first else None)


def rewind(path: Path, step: int) -> int:
    """Take out what was measured after `step`, which a resumed run measures again, and lines that cannot be read.

    They are kept in a file beside the record, named `cut`; returns how many they were.
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
            os.fsync(file.fileno())  # first there, then gone from here
        with replacing(path, durable=True) as temporary:
            temporary.write_bytes(_joined(kept))
    return len(cut)


def cut_path(path: Path) -> Path:
    """Return where lines go that are taken out of a record: `metrics.cut.jsonl` beside `metrics.jsonl`."""
    return path.with_suffix(f".cut{path.suffix}")


def _joined(lines: list[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


def drop_truncated_line(path: Path) -> None:
    """Cut a last line without its newline, left by a killed process, so that the next one starts clean."""
    if not path.exists():
        return
    data = path.read_bytes()
    if data and not data.endswith(b"\n"):
        os.truncate(path, data.rfind(b"\n") + 1)


def _parsed(line: bytes) -> MetricLine | None:
    return _checked(line)[0]


def _checked(line: bytes) -> tuple[MetricLine | None, str]:
    """Return what is sound in a line, or None where its step or time is not; and what is damaged, in words."""
    try:
        value = from_json(line)  # five times as fast as json, and a page may wait for 200,000 lines
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
    """Return the last number of that name in a whole line; only lines that hold the name are parsed."""
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
    """Return the step and the time of a line; None of a damaged one, or one without a time."""
    metric = _parsed(line) or {}
    return (metric["step"], float(metric["time"])) if "time" in metric else None
