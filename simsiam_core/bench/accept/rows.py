"""Inputs and outputs of the parts: `Place` and `Row`."""

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
    """The result of one check: whether it passed (None: skipped, with the reason in `figure`)."""

    name: str
    passed: bool | None
    figure: float | int | str
    limit: str = ""
    note: str = ""


@dataclass
class Place:
    """The environment of a part: its device, folder and time budget."""

    gpu: bool
    folder: Path  # for its files; deleted at the end
    seconds: float = 600.0  # time budget
    data: Path | None = None  # training images, if given by the user
    launch: Launch = launch  # starts the process of a queued run
    _began: float = field(default_factory=time.monotonic)

    @property
    def device(self) -> str:
        """The device name for torch."""
        return "cuda" if self.gpu else "cpu"

    @property
    def left(self) -> float:
        """The seconds left in the time budget."""
        return self.seconds - (time.monotonic() - self._began)

    @property
    def store(self) -> RunStore:
        """The part's own folder of runs."""
        return RunStore(self.folder / "runs")

    def training(self, **more: Any) -> dict[str, Any]:
        """Return training settings for this device."""
        return {"device": "gpu" if self.gpu else "cpu", **more}


def skipped(names: list[str] | tuple[str, ...], why: str) -> Iterator[Row]:
    """Yield rows for skipped checks."""
    for name in names:
        yield Row(name, None, why)


def within(name: str, figure: float, limit: float, note: str = "") -> Row:
    """Check that a figure does not exceed a limit; NaN fails."""
    return Row(name, bool(figure <= limit), round(figure, 8), f"≤ {limit:g}", note)


def at_least(name: str, figure: float, limit: float, note: str = "") -> Row:
    """Check that a figure reaches a limit."""
    return Row(name, bool(figure >= limit), round(figure, 4), f"≥ {limit:g}", note)


def equal(name: str, figure: object, expected: object, note: str = "") -> Row:
    """Check that two values are equal."""
    return Row(name, figure == expected, str(figure), f"= {expected}", note)


def until(condition: Callable[[], object], seconds: float) -> float | None:
    """Return the seconds until the condition holds; None on a timeout."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            return None
        time.sleep(0.02)
    return time.monotonic() - began
