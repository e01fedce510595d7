"""What a part is given, and what it says."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simsiam_core.jobs import launch
from simsiam_core.runs import RunDirectory, RunStore

NO_GPU = "skipped: no GPU"
NO_TIME = "skipped: no time left"
Launch = Callable[[RunDirectory, Mapping[str, str]], None]


@dataclass(frozen=True)
class Row:
    """One thing that was looked at: whether it is as it should be (None: not looked at, and why in `figure`)."""

    name: str
    passed: bool | None
    figure: float | int | str
    limit: str = ""
    note: str = ""


@dataclass
class Place:
    """Where a part runs, and what it may use."""

    gpu: bool
    folder: Path  # for its files; deleted afterwards
    seconds: float = 600.0  # that it may take
    data: Path | None = None  # images to learn from, where a person has given some
    launch: Launch = launch  # starts the process of a queued run
    _began: float = field(default_factory=time.monotonic)

    @property
    def device(self) -> str:
        """As torch calls it."""
        return "cuda" if self.gpu else "cpu"

    @property
    def left(self) -> float:
        """Seconds of its time that are left."""
        return self.seconds - (time.monotonic() - self._began)

    @property
    def store(self) -> RunStore:
        """A folder of runs of its own."""
        return RunStore(self.folder / "runs")

    def training(self, **more: Any) -> dict[str, Any]:
        """Return training settings for this device."""
        return {"device": "gpu" if self.gpu else "cpu", **more}


def skipped(names: list[str] | tuple[str, ...], why: str) -> Iterator[Row]:
    """Yield rows for what is not looked at."""
    for name in names:
        yield Row(name, None, why)


def within(name: str, figure: float, limit: float, note: str = "") -> Row:
    """Check a figure that must not exceed a limit; one that is no number does."""
    return Row(name, bool(figure <= limit), round(figure, 8), f"≤ {limit:g}", note)


def at_least(name: str, figure: float, limit: float, note: str = "") -> Row:
    """Check a figure that must reach a limit."""
    return Row(name, bool(figure >= limit), round(figure, 4), f"≥ {limit:g}", note)


def equal(name: str, figure: object, expected: object, note: str = "") -> Row:
    """Check two things that must be the same."""
    return Row(name, figure == expected, str(figure), f"= {expected}", note)


def until(condition: Callable[[], object], seconds: float) -> float | None:
    """Return seconds until the condition held; None if it did not in that time."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            return None
        time.sleep(0.02)
    return time.monotonic() - began
