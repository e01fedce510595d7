"""The charts of Monitor: which metrics share one, and the lines of the runs that are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

from simsiam_core.metrics import Metric, charts, describe, in_order
from simsiam_core.runs import RunDirectory, Status
from simsiam_core.ui.chart import ACCURACY, figure
from simsiam_core.ui.monitor_words import NO_RUNS, origin, steps_per_epoch
from simsiam_core.ui.series import Curves, XAxis
from simsiam_core.ui.theme import series_colour
from simsiam_core.ui.words import run_name

TRAINED_ELSEWHERE = "Trained elsewhere: nothing was measured here while it learnt."
AXES = {"step": "Step", "epoch": "Epoch", "minutes": "Minutes since the start"}


FROM_ZERO = {"rangemode": "tozero"}
DASHES = {
    "solid": "",
    "dot": "dotted",
    "dash": "dashed",
    "dashdot": "dash-dotted",
}  # of a chart's metrics, in turn


@dataclass(frozen=True)
class ChartSpec:
    """One chart: its metrics by name, each with another dash, and the layout of its y axis."""

    key: str
    title: str
    note: str
    metrics: tuple[str, ...]
    y_axis: Mapping[str, Any] = field(default_factory=dict)
    waiting: str = ""


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
    if metric.scale == "fraction":
        return {**ACCURACY, "tickformat": ".1~%"}
    if metric.scale == "log":
        return {"type": "log"}
    if metric.axis == (0, None):
        return dict(FROM_ZERO)
    return {"range": list(metric.axis)} if any(bound is not None for bound in metric.axis) else {}


CHARTS = chart_specs()


def _caption(metric: Metric, dash: str, curves: Curves) -> str:
    """What stands behind a run's name: which of its lines it is, and what a figure was measured on."""
    parts = [DASHES[dash]] if DASHES[dash] else []
    for other in in_order():
        if other.qualifies == metric.name and (value := curves.latest(other.name)):
            parts.append(other.phrase.format(value))
    return f" ({', '.join(parts)})" if parts else ""


def chart(
    spec: ChartSpec,
    runs: Sequence[RunDirectory],
    statuses: Mapping[str, Status],
    curves: Mapping[str, Curves],
    axis: XAxis,
) -> dict[str, Any]:
    """The value of one chart; `statuses` and `curves` are by run id."""
    traces = []
    for index, run in enumerate(runs):
        per_epoch, began = steps_per_epoch(run, statuses[run.id]), origin(run)
        for name, dash in zip(spec.metrics, cycle(DASHES), strict=False):
            metric = describe(name)
            x, y = curves[run.id].points(name, axis, per_epoch, began)
            if not x:
                continue
            if metric.level:  # measured once: drawn as a line across the chart
                end = max(curves[run.id].points(spec.metrics[0], axis, per_epoch, began)[0], default=1)
                x, y = [0, end], y * 2
            solid = dash == "solid"
            traces.append(
                {
                    "uid": f"{run.id}-{name.replace('/', '-')}",  # plotly makes a CSS class of it
                    "type": "scatter",
                    "mode": "lines+markers" if len(x) < 60 and solid else "lines",
                    "name": run_name(run.id) + _caption(metric, dash, curves[run.id]),
                    "x": x,
                    "y": y,
                    "line": {"color": series_colour(index), "dash": dash, "width": 1.8 if solid else 1.2},
                    "marker": {"size": 4},
                }
            )
    layout = {
        "xaxis": {"title": {"text": AXES[axis], "standoff": 6}, **FROM_ZERO},
        "yaxis": dict(spec.y_axis),
    }
    revision = f"{axis} {runs[0].id if runs else ''}"
    return figure(traces, layout, revision=revision, empty=_empty(spec, runs))


def _empty(spec: ChartSpec, runs: Sequence[RunDirectory]) -> str:
    """Return why a chart of these runs has no line."""
    if runs and all(run.imported for run in runs):
        return TRAINED_ELSEWHERE
    return spec.waiting if runs else NO_RUNS
