"""The charts of Monitor: which metrics share one, and the lines of the runs that are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from simsiam_core.runs import RunDirectory, Status
from simsiam_core.ui.chart import ACCURACY, figure
from simsiam_core.ui.monitor_words import NO_RUNS, origin, steps_per_epoch
from simsiam_core.ui.series import Curves, XAxis
from simsiam_core.ui.theme import SERIES_COLOURS
from simsiam_core.ui.words import run_name

AXES = {"step": "Step", "epoch": "Epoch", "minutes": "Minutes since the start"}


FROM_ZERO = {"rangemode": "tozero"}
DASHES = ("solid", "dot")  # of a chart's first and second metric


@dataclass(frozen=True)
class ChartSpec:
    """One chart: its metrics by name, the second of which is drawn dotted, and the layout of its y axis."""

    key: str
    title: str
    note: str
    metrics: tuple[str, ...]
    y_axis: Mapping[str, Any] = field(default_factory=dict)
    waiting: str = "Nothing measured yet; the first values come within a few steps."


CHARTS = (
    ChartSpec("loss", "Loss", "−1 alone is no success", ("train/loss",)),
    ChartSpec(
        "knn",
        "kNN accuracy",
        "dotted: kNN on raw pixels",
        ("val/knn_accuracy", "val/knn_accuracy_raw_pixels"),
        {**ACCURACY, "tickformat": ".1~%"},
        "Nothing measured yet. It takes labels and test images, and comes as often as set under kNN check.",
    ),
    ChartSpec("lr", "Learning rate", "dotted: predictor", ("train/lr", "train/lr_predictor"), FROM_ZERO),
    ChartSpec(
        "std", "Representation std", "1 healthy, 0 collapsed", ("representation/std",), {"range": [0, 1.1]}
    ),
    ChartSpec("rank", "Effective rank", "dimensions in use", ("representation/effective_rank",), FROM_ZERO),
)


def colour(index: int) -> str:
    """Of the run at that place among those on the charts."""
    return SERIES_COLOURS[index % len(SERIES_COLOURS)]


def _caption(metric: str, dash: str, curves: Curves) -> str:
    """What stands behind a run's name: which of its lines it is, and what a figure was measured on."""
    parts = ["dotted"] if dash == "dot" else []
    if metric == "val/knn_accuracy" and (bits := curves.latest("val/knn_bits")):
        parts.append(f"encoded in {bits:.0f} bits")
    if metric == "val/knn_accuracy_raw_pixels":
        if side := curves.latest("val/raw_pixels_side"):
            parts.append(f"at {side:.0f} px")
        if images := curves.latest("val/raw_pixels_images"):
            parts.append(f"on {images:,.0f} images")
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
        for metric, dash in zip(spec.metrics, DASHES, strict=False):
            x, y = curves[run.id].points(metric, axis, per_epoch, began)
            if not x:
                continue
            if metric.endswith("raw_pixels"):  # measured once: a level to beat, drawn as one
                end = max(curves[run.id].points("val/knn_accuracy", axis, per_epoch, began)[0], default=1)
                x, y = [0, end], y * 2
            line = {"color": colour(index), "dash": dash, "width": 1.2 if dash == "dot" else 1.8}
            traces.append(
                {
                    "uid": f"{run.id}-{metric.replace('/', '-')}",  # plotly makes a CSS class of it
                    "type": "scatter",
                    "mode": "lines+markers" if len(x) < 60 and dash == "solid" else "lines",
                    "name": run_name(run.id) + _caption(metric, dash, curves[run.id]),
                    "x": x,
                    "y": y,
                    "line": line,
                    "marker": {"size": 4},
                }
            )
    layout = {
        "xaxis": {"title": {"text": AXES[axis], "standoff": 6}, **FROM_ZERO},
        "yaxis": dict(spec.y_axis),
    }
    revision = f"{axis} {runs[0].id if runs else ''}"
    empty = spec.waiting if runs else NO_RUNS
    return figure(traces, layout, revision=revision, empty=empty)
