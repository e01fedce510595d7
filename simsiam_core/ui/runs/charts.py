"""The charts: which metrics share one, and the lines of the runs that are chosen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

import numpy as np

from simsiam_core.metrics import Metric, charts, describe, in_order
from simsiam_core.runs import RunDirectory, RunError, Status
from simsiam_core.ui.components.chart import ACCURACY, figure
from simsiam_core.ui.live.curves import Curves
from simsiam_core.ui.live.run_text import NO_RUNS, origin, steps_per_epoch
from simsiam_core.ui.runs.view import AXES, ChartView
from simsiam_core.ui.text import run_name

TRAINED_ELSEWHERE = "Trained elsewhere: nothing was measured here while it learnt."
ENDED_WITHOUT = "These runs have ended without measuring it."
FROM_ZERO = {"rangemode": "tozero"}
DASHES = {
    "solid": "",
    "dot": "dotted",
    "dash": "dashed",
    "dashdot": "dash-dotted",
}  # of a chart's metrics, in turn
MARKED = 60  # points: with fewer they are shown as such
RAW_OPACITY = 0.25  # of what lies behind a smoothed line
CORE = (1, 99)  # percentiles between which a chart shows all, where the outermost values are left out
X_HOVER = {
    "step": "Step %{x:,.0f}",
    "epoch": "Epoch %{x:.2f}",
    "minutes": "%{x:,.1f} min after the start",
    "images": "%{x:,.0f} images seen",
}


@dataclass(frozen=True)
class ChartSpec:
    """One chart: its metrics by name, each with another dash, and the layout of its y axis."""

    key: str
    title: str
    note: str
    metrics: tuple[str, ...]
    y_axis: Mapping[str, Any] = field(default_factory=dict)
    waiting: str = ""


@dataclass(frozen=True)
class Drawn:
    """A run on the charts, with all that its lines are made of."""

    run: RunDirectory
    status: Status
    curves: Curves
    colour: str

    @property
    def batch_size(self) -> int:
        """Images a step; 1 if its config cannot be read."""
        try:
            return self.run.config().training.batch_size
        except RunError:
            return 1

    def points(self, metric: str, view: ChartView, smoothing: float = 0.0) -> tuple[list[float], list[float]]:
        """The x and y of a metric, by the axis of the view."""
        per_epoch, began = steps_per_epoch(self.run, self.status), origin(self.run)
        return self.curves.points(metric, view.axis, per_epoch, began, self.batch_size, smoothing)


def chart_specs() -> tuple[ChartSpec, ...]:
    """The charts that the registry's metrics are drawn on; each is called by its first metric."""
    return tuple(
        ChartSpec(
            key,
            first.title,
            first.note,
            tuple(m.name for m in (first, *others)),
            _y_axis(first),
            first.waiting,
        )
        for key, (first, *others) in charts().items()
    )


def _y_axis(metric: Metric) -> dict[str, Any]:
    """The layout of a chart's y axis, as its first metric has it."""
    hover = {"hoverformat": metric.format}
    if metric.scale == "fraction":
        return {**ACCURACY, "tickformat": ".1~%", **hover}
    if metric.scale == "log":
        return {"type": "log", **hover}
    if metric.axis == (0, None):
        return {**FROM_ZERO, **hover}
    bounded = any(bound is not None for bound in metric.axis)
    return {"range": list(metric.axis), **hover} if bounded else hover


CHARTS = chart_specs()


def chart(spec: ChartSpec, runs: Sequence[Drawn], view: ChartView) -> dict[str, Any]:
    """The value of one chart."""
    traces = [trace for drawn in runs for trace in _lines(spec, drawn, view)]
    x_axis: dict[str, Any] = {
        "title": {"text": AXES[view.axis], "standoff": 6},
        "unifiedhovertitle": {"text": X_HOVER[view.axis]},
        **FROM_ZERO,
    }
    if view.start is not None or view.end is not None:
        x_axis["range"] = [view.start, view.end]
    layout = {"xaxis": x_axis, "yaxis": _limited(spec, traces, view), "hoversort": "value descending"}
    first = runs[0].run.id if runs else ""
    limits = f"{view.start} {view.end} {view.log} {view.core}"
    return figure(
        traces, layout, revision=f"{view.axis} {first} {limits}", empty=_empty(spec, runs), linked="runs"
    )


def _lines(spec: ChartSpec, drawn: Drawn, view: ChartView) -> Iterator[dict[str, Any]]:
    """The lines of one run; behind each smoothed one, faintly, what it was made of."""
    for name, dash in zip(spec.metrics, cycle(DASHES), strict=False):
        metric = describe(name)
        smoothing = view.smoothing if metric.smoothed else 0.0
        x, y = drawn.points(name, view, smoothing)
        if not x:
            continue
        if metric.level:  # measured once: drawn as a line across the chart
            x, y = [0, max(drawn.points(spec.metrics[0], view)[0], default=1)], y * 2
        uid = f"{drawn.run.id}-{name.replace('/', '-')}"  # plotly makes a CSS class of it
        solid = dash == "solid"
        line = {
            "uid": uid,
            "type": "scatter",
            "mode": "lines+markers" if len(x) < MARKED and solid else "lines",
            "name": run_name(drawn.run.id) + _caption(metric, dash, drawn.curves),
            "x": x,
            "y": y,
            "line": {"color": drawn.colour, "dash": dash, "width": 1.8 if solid else 1.2},
            "marker": {"size": 4},
            "meta": drawn.run.id,
        }
        if smoothing:
            raw_x, raw_y = drawn.points(name, view)
            behind = {"opacity": RAW_OPACITY, "hoverinfo": "skip", "mode": "lines"}
            yield {**line, **behind, "uid": f"{uid}-raw", "x": raw_x, "y": raw_y}
        yield line


def _caption(metric: Metric, dash: str, curves: Curves) -> str:
    """What stands behind a run's name: which of its lines it is, and what a figure was measured on."""
    parts = [DASHES[dash]] if DASHES[dash] else []
    for other in in_order():
        if other.qualifies == metric.name and (value := curves.latest(other.name)):
            parts.append(other.phrase.format(value))
    return f" ({', '.join(parts)})" if parts else ""


def _limited(spec: ChartSpec, traces: Sequence[Mapping[str, Any]], view: ChartView) -> dict[str, Any]:
    """The y axis with the scale and the limits that were asked for, where the values allow them."""
    axis, found = dict(spec.y_axis), [value for trace in traces for value in trace["y"]]
    if not found:
        return axis
    if view.log and min(found) > 0:
        axis = {"type": "log", "hoverformat": axis["hoverformat"]}
    if view.core:
        low, high = (float(v) for v in np.nanpercentile(found, CORE))
        room = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
        if axis.get("type") == "log":
            axis["range"] = [float(np.log10(low)), float(np.log10(high))]
        else:
            axis |= {"range": [low - room, high + room], "autorange": False}
    return axis


def _empty(spec: ChartSpec, runs: Sequence[Drawn]) -> str:
    """Return why a chart of these runs has no line."""
    if not runs:
        return NO_RUNS
    if all(drawn.run.imported for drawn in runs):
        return TRAINED_ELSEWHERE
    return spec.waiting if any(drawn.status.active for drawn in runs) else ENDED_WITHOUT
