"""Curves for the charts: metrics read as they grow, thinned to what a screen can show."""

from __future__ import annotations

import math
import threading
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from simsiam_core.runs import FIRST_STEP, MetricsReader, Origin, RunDirectory
from simsiam_core.runs.metrics import COORDINATES, MetricLine

XAxis = Literal["step", "epoch", "minutes", "images"]
Curve = tuple[np.ndarray, np.ndarray]  # x and y
Points = tuple[list[float], list[float]]  # x and y

PIXEL_COLUMNS = 200  # at most twice as many points: a line of 2 kB a hundred columns, sent when it grows
LEAST_POINTS = 60  # fewer would be drawn as single measurements
TAIL_POINTS = 25  # are sent as they are; with one more, the whole curve is thinned anew
POINTS_KEPT = 100  # curves of one run, each for one way to draw it
STRENGTHS_KEPT = 8  # a slider that is dragged asks for each on its way
RESOLUTION = 1e-3  # of a curve's span: less than a pixel, and what it is rounded to


@dataclass
class Series:
    """One metric of one run: `steps [N]`, `times [N]` (seconds since the epoch), `values [N]`."""

    steps: array[int] = field(default_factory=lambda: array("q"))
    times: array[float] = field(default_factory=lambda: array("d"))
    values: array[float] = field(default_factory=lambda: array("d"))
    # Thinned, with how many points went into it; by what it is drawn along, and how much it is smoothed.
    _heads: dict[tuple[str, float], tuple[int, Curve]] = field(default_factory=dict)
    _smooth: dict[float, Smoothed] = field(default_factory=dict)  # by strength

    def append(self, step: int, time: float, value: float) -> None:
        """Add a point; a step that was here before (a resumed run) drops it and what came after."""
        while self.steps and self.steps[-1] >= step:
            for points in (self.steps, self.times, self.values):
                points.pop()
            self._heads.clear()
            self._smooth.clear()
        self.steps.append(step)
        self.times.append(time)
        self.values.append(value)

    def smoothed(self, strength: float) -> array[float]:
        """The exponential moving average of the values, with its start corrected for bias. Strength 0 to 1."""
        if not strength:
            return self.values
        if strength not in self._smooth:
            while len(self._smooth) >= STRENGTHS_KEPT:
                del self._smooth[next(iter(self._smooth))]
            self._smooth[strength] = Smoothed(strength)
        return self._smooth[strength].follow(self.values)

    def thinned(self, along: Literal["steps", "times"], smoothing: float = 0.0) -> Curve:
        """Few points that look the same on a screen. A long curve that has grown by one costs next to nothing."""
        x: array[int] | array[float] = getattr(self, along)
        y = self.smoothed(smoothing)
        length, (kept_x, kept_y) = self._heads.get((along, smoothing), (0, (np.empty(0), np.empty(0))))
        if not length or len(x) - length > TAIL_POINTS:
            length = len(x)
            kept_x, kept_y = straightened(*thin(np.array(x, dtype=float), np.array(y)))
            while len(self._heads) >= 2 * STRENGTHS_KEPT:
                del self._heads[next(iter(self._heads))]
            self._heads[along, smoothing] = length, (kept_x, kept_y)
        return np.concatenate([kept_x, x[length:]]), np.concatenate([kept_y, y[length:]])


class Smoothed:
    """A moving average that goes on where it was as the values grow (Kingma & Ba 2015, section 3, for the start)."""

    def __init__(self, strength: float) -> None:
        self._strength = strength
        self._mean = self._weight = 0.0
        self._values = array("d")

    def follow(self, values: array[float]) -> array[float]:
        """The average up to each of `values [N]`, of which none has changed since the last call."""
        keep = self._strength
        for value in values[len(self._values) :]:
            self._mean = keep * self._mean + (1 - keep) * value
            self._weight = keep * self._weight + (1 - keep)
            self._values.append(self._mean / self._weight)
        return self._values


class Curves:
    """The metrics of one run as far as they have been read. `version` changes when there are more."""

    def __init__(self, run: RunDirectory) -> None:
        self._reader = MetricsReader(run.metrics_path)
        self._lock = threading.Lock()  # pages read while another page's tick polls
        self._thinned: dict[tuple[Any, ...], tuple[int, Points]] = {}  # with the count of points
        self.series: dict[str, Series] = {}
        self.started: float | None = None
        self._last_time = 0.0  # of a line, on the charts' clock
        self._set_back = 0.0  # seconds by which the record's clock was set back in all
        self.version = 0
        self._changes: dict[str, int] = {}  # the version at which each metric changed last

    @property
    def problem(self) -> str:
        """What is wrong with the record, in a sentence; empty if nothing."""
        return self._reader.problem

    def poll(self) -> None:
        """Read what was added since the last time."""
        with self._lock:
            before = self._reader.rewinds
            lines = self._reader.poll()
            if self._reader.rewinds != before:  # a resumed run went back: what was read is no longer so
                self.series.clear()
                self.started, self._last_time, self._set_back = None, 0.0, 0.0
                self.version += 1
            for line in lines:
                self._add(line)

    def _add(self, line: MetricLine) -> None:
        self.version += 1
        step, time = line["step"], self._steady(line.get("time"))
        self.started = time if self.started is None else self.started
        for name, value in line.items():
            if name not in COORDINATES and isinstance(value, int | float):
                series = self.series.get(name)
                if series is None:
                    series = self.series[name] = Series()
                series.append(step, time, float(value))
                self._changes[name] = self.version

    def _steady(self, time: float | None) -> float:
        """The time of the next line; where the clock was set back, it goes on from where it was."""
        if time is not None:
            self._set_back = max(self._set_back, self._last_time - time)
            self._last_time = time + self._set_back
        return self._last_time

    def latest(self, name: str) -> float | None:
        """The newest value of a metric."""
        series = self.series.get(name)
        return series.values[-1] if series else None

    def lengths(self, names: Iterable[str]) -> tuple[int, ...]:
        """Changes when one of these metrics has more points, or others."""
        return tuple(self._changes.get(name, 0) for name in names)

    def points(
        self,
        name: str,
        axis: XAxis,
        steps_per_epoch: float,
        origin: Origin = FIRST_STEP,
        batch_size: int = 1,
        smoothing: float = 0.0,
    ) -> Points:
        """The x and y of a metric, thinned and rounded; `minutes` count from the run's first metric.

        Worked out once for all pages that look.
        """
        with self._lock:
            key = (name, axis, steps_per_epoch, origin, batch_size, smoothing)
            changes = self._changes.get(name, 0)
            known = self._thinned.get(key)
            if known is None or known[0] != changes:
                while len(self._thinned) >= POINTS_KEPT:
                    del self._thinned[next(iter(self._thinned))]
                known = self._thinned[key] = changes, self._points(*key)
            return known[1]

    def _points(
        self,
        name: str,
        axis: XAxis,
        steps_per_epoch: float,
        origin: Origin,
        batch_size: int,
        smoothing: float,
    ) -> Points:
        series = self.series.get(name, Series())
        x, y = series.thinned("times" if axis == "minutes" else "steps", smoothing)
        if axis == "minutes":
            x = (x - (self.started or 0.0)) / 60
        elif axis == "epoch":
            x = epochs_at(x, steps_per_epoch, origin)
        elif axis == "images":
            x = x * batch_size
        return rounded(x), rounded(y)


def epochs_at(steps: np.ndarray, steps_per_epoch: float, origin: Origin) -> np.ndarray:
    """Epochs trained at steps `[N]`; see `Origin`."""
    earlier = origin.epoch * steps / max(1, origin.step)
    return np.where(steps < origin.step, earlier, origin.epoch + (steps - origin.step) / steps_per_epoch)


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


def straightened(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Without the points that a straight line between those kept passes through: a schedule needs few.

    `x [N]` ascends. A point goes if it lies within `RESOLUTION` of the span of y from the line between the two
    that are kept beside it. No fewer than `LEAST_POINTS` stay.
    """
    if len(x) <= 2 * LEAST_POINTS:
        return x, y
    tolerance = RESOLUTION * (float(np.ptp(y)) or 1.0) / 2
    longest = len(x) // (LEAST_POINTS + 1)
    keep, low, high = [0], -math.inf, math.inf  # the slopes that pass all points since the last one kept
    for i in range(1, len(x)):
        last = keep[-1]
        run = float(x[i] - x[last]) or 1e-300
        slope = float(y[i] - y[last]) / run
        if not low <= slope <= high or i - last > longest:
            last = i - 1
            keep.append(last)
            run = float(x[i] - x[last]) or 1e-300
            slope, low, high = float(y[i] - y[last]) / run, -math.inf, math.inf
        low, high = max(low, slope - tolerance / run), min(high, slope + tolerance / run)
    indices = np.array([*keep, len(x) - 1])
    return x[indices], y[indices]


def rounded(values: np.ndarray) -> list[float]:
    """To `RESOLUTION` of their span, whole numbers without a fraction: as short as they can be sent."""
    finite = values[np.isfinite(values)]
    span = float(np.ptp(finite)) if len(finite) else 0.0
    if not span:
        return [float(f"{v:.6g}") for v in values]
    digits = max(0, math.ceil(-math.log10(span * RESOLUTION)))
    return [int(v) if v.is_integer() else v for v in (round(float(v), digits) for v in values)]
