"""Curves for the charts: metrics read as they grow, thinned to what a screen can show."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from simsiam_core.runs import MetricsReader, RunDirectory
from simsiam_core.runs.metrics import Metric

XAxis = Literal["step", "epoch", "minutes"]

PIXEL_COLUMNS = 400


@dataclass
class Series:
    """One metric of one run: `steps [N]`, `times [N]` (seconds since the epoch), `values [N]`."""

    steps: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def append(self, step: int, time: float, value: float) -> None:
        """Add a point; a step that was here before (a resumed run) drops it and what came after."""
        while self.steps and self.steps[-1] >= step:
            for points in (self.steps, self.times, self.values):
                points.pop()
        self.steps.append(step)
        self.times.append(time)
        self.values.append(value)


class Curves:
    """The metrics of one run as far as they have been read. `version` changes when there are more."""

    def __init__(self, run: RunDirectory) -> None:
        self._reader = MetricsReader(run.metrics_path)
        self._lock = threading.Lock()  # pages read while another page's tick polls
        self.series: dict[str, Series] = {}
        self.started: float | None = None
        self.version = 0

    def poll(self) -> None:
        """Read what was added since the last time."""
        with self._lock:
            before = self._reader.rewinds
            lines = self._reader.poll()
            if self._reader.rewinds != before:  # a resumed run went back: what was read is no longer so
                self.series.clear()
                self.version += 1
            for line in lines:
                self._add(line)

    def _add(self, line: Metric) -> None:
        self.version += 1
        step, time = line["step"], float(line.get("time", 0.0))
        self.started = time if self.started is None else min(self.started, time)
        for name, value in line.items():
            if name not in ("step", "epoch", "time") and isinstance(value, int | float):
                self.series.setdefault(name, Series()).append(step, time, float(value))

    def latest(self, name: str) -> float | None:
        """The newest value of a metric."""
        series = self.series.get(name)
        return series.values[-1] if series else None

    def points(self, name: str, axis: XAxis, steps_per_epoch: float) -> tuple[list[float], list[float]]:
        """The x and y of a metric, thinned; `minutes` count from the run's first metric."""
        with self._lock:
            series = self.series.get(name, Series())
            y = np.asarray(series.values, dtype=float)
            x = np.asarray(series.times if axis == "minutes" else series.steps, dtype=float)
        if axis == "minutes":
            x = (x - (self.started or 0.0)) / 60
        elif axis == "epoch":
            x = x / steps_per_epoch
        kept_x, kept_y = thin(x, y)
        return [float(f"{v:.6g}") for v in kept_x], [float(f"{v:.6g}") for v in kept_y]


class CurveCache:
    """The curves of every run looked at, shared by all pages: each line of a file is parsed once.

    Only a cache: what it holds is on disk, and a restarted server reads it again.
    """

    def __init__(self) -> None:
        self._curves: dict[str, Curves] = {}
        self._lock = threading.Lock()

    def read(self, run: RunDirectory) -> Curves:
        """The curves of a run, up to date."""
        with self._lock:
            curves = self._curves.setdefault(run.id, Curves(run))
        curves.poll()
        return curves


def thin(x: np.ndarray, y: np.ndarray, columns: int = PIXEL_COLUMNS) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest value of each of `columns` stretches of x, in their order: spikes stay visible.

    `x [N]` ascends; at most 2 × columns + 2 points come back, the first and the last among them.
    """
    if len(x) <= 2 * columns:
        return x, y
    span = x[-1] - x[0]
    column = np.minimum((x - x[0]) / (span or 1) * columns, columns - 1).astype(int)
    starts = np.flatnonzero(np.diff(column, prepend=-1))
    keep = {0, len(x) - 1}
    for start, end in zip(starts, [*starts[1:], len(x)], strict=True):
        keep.add(int(start + np.argmin(y[start:end])))
        keep.add(int(start + np.argmax(y[start:end])))
    indices = np.array(sorted(keep))
    return x[indices], y[indices]
