"""Runs beside one another: overlaid metrics, hyperparameter against result, and what differs in the configs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from simsiam_core.config import fields
from simsiam_core.metrics import describe, in_order
from simsiam_core.metrics.representation_std import REPRESENTATION_STD
from simsiam_core.metrics.train_loss import TRAIN_LOSS
from simsiam_core.metrics.val_knn_accuracy import KNN_ACCURACY
from simsiam_core.runs import RunDirectory, RunError
from simsiam_core.ui.chart import ACCURACY, figure
from simsiam_core.ui.monitor_words import origin, steps_per_epoch
from simsiam_core.ui.series import CurveCache, epochs_at, thin
from simsiam_core.ui.theme import series_colour
from simsiam_core.ui.words import run_name

AXES = {"step": "Step", "epoch": "Epoch", "minutes": "Minutes since the start", "images": "Images seen"}
NAMES = {metric.name: metric.title for metric in in_order() if metric.key}
RESULTS = {
    metric.key: metric.name for metric in in_order() if metric.key and (metric.result or metric.column)
}
PANELS = (TRAIN_LOSS, REPRESENTATION_STD, KNN_ACCURACY)
LEVEL_LABELS = 5  # axes of the parallel coordinates
EMPTY = "Tick runs in the table to compare them."
Values = dict[str, Any]  # leaf path of a config to its value


def smooth(y: np.ndarray, strength: float) -> np.ndarray:
    """Exponential moving average with its start corrected for bias; strength 0 leaves y as it is. y: [N]."""
    out, mean, weight = np.empty_like(y), 0.0, 0.0
    for index, value in enumerate(y):
        mean = strength * mean + (1 - strength) * value
        weight = strength * weight + (1 - strength)
        out[index] = mean / weight
    return out


def overlay(
    runs: Sequence[RunDirectory], curves: CurveCache, metric: str, axis: str, strength: float
) -> dict[str, Any]:
    """One metric of every run; x is any of `AXES`."""
    layout = {
        "xaxis": {"title": {"text": AXES[axis]}, "rangemode": "tozero"},
        "yaxis": _scale(metric),
        "showlegend": True,
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
    }
    traces = _traces(runs, curves, metric, axis, strength)
    empty = f"None of these runs has measured {NAMES.get(metric, metric)} yet." if runs else EMPTY
    return figure(traces, layout, revision=f"{axis} {metric}", empty=empty)


def side_by_side(
    runs: Sequence[RunDirectory], curves: CurveCache, axis: str, strength: float
) -> dict[str, Any]:
    """Loss, std and kNN accuracy of every run, as in the paper's figure 2: collapse shows in the last two alone."""
    traces: list[dict[str, Any]] = []
    layout: dict[str, Any] = {
        "grid": {"rows": 1, "columns": len(PANELS), "pattern": "independent"},
        "showlegend": True,
        "legend": {"orientation": "h", "x": 0, "y": 1.16, "yanchor": "bottom"},
        "annotations": [],
        "margin": {"l": 8, "r": 12, "t": 56, "b": 8},
    }
    for number, metric in enumerate(PANELS, start=1):
        suffix = str(number) if number > 1 else ""
        layout[f"xaxis{suffix}"] = {"title": {"text": AXES[axis], "standoff": 6}, "rangemode": "tozero"}
        layout[f"yaxis{suffix}"] = _scale(metric)
        heading = {
            "text": f"<b>{NAMES[metric]}</b>",
            "showarrow": False,
            "xanchor": "left",
            "yanchor": "bottom",
        }
        place = {"x": 0, "xref": f"x{suffix} domain", "y": 1, "yref": f"y{suffix} domain"}
        layout["annotations"].append(heading | place)
        for trace in _traces(runs, curves, metric, axis, strength):
            own = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}", "legendgroup": trace["uid"]}
            traces.append(trace | own | {"uid": f"{trace['uid']}-{number}", "showlegend": number == 1})
    empty = "None of these runs has measured anything yet." if runs else EMPTY
    return figure(traces, layout, revision=axis, empty=empty)


def _traces(
    runs: Sequence[RunDirectory], curves: CurveCache, metric: str, axis: str, strength: float
) -> list[dict[str, Any]]:
    traces = []
    for index, run in enumerate(runs):
        found = curves.read(run)
        series = found.series.get(metric)
        if not series or not series.steps:
            continue
        steps, y = np.asarray(series.steps, dtype=float), np.asarray(series.values, dtype=float)
        x, y = thin(_x(run, steps, np.asarray(series.times), found.started or 0.0, axis), smooth(y, strength))
        traces.append(
            {
                "uid": run.id,
                "type": "scatter",
                "mode": "lines+markers" if len(x) < 40 else "lines",
                "name": run_name(run.id),
                "x": [float(f"{v:.6g}") for v in x],
                "y": [float(f"{v:.6g}") for v in y],
                "line": {"color": series_colour(index), "width": 1.9},
                "marker": {"size": 4},
            }
        )
    return traces


def _scale(name: str) -> dict[str, Any]:
    """Fractions in per cent; what may be too low from 0, so that collapsed looks collapsed."""
    metric = describe(name)
    if metric.healthy[0] is not None:
        return {"rangemode": "tozero"}
    if metric.scale == "log":
        return {"type": "log"}
    return ACCURACY if metric.scale == "fraction" else {}


def _x(run: RunDirectory, steps: np.ndarray, times: np.ndarray, started: float, axis: str) -> np.ndarray:
    if axis == "minutes":
        return (times - started) / 60
    try:
        training, status = run.config().training, run.status()
    except RunError:
        return steps
    if axis == "images":
        return steps * training.batch_size
    return epochs_at(steps, steps_per_epoch(run, status), origin(run)) if axis == "epoch" else steps


def values(run: RunDirectory) -> Values:
    """Every leaf of a run's config by path; empty if it cannot be read."""
    try:
        plain = run.config().model_dump(mode="json")
    except RunError:
        return {}
    found: Values = {"name": plain["name"]}
    for spec in fields():
        section, _, name = spec.path.rpartition(".")
        if section:
            found[spec.path] = plain[section][name]
    return found


def differences(runs: Sequence[RunDirectory]) -> dict[str, list[Any]]:
    """The settings in which these runs differ, by path, one value a run; the name is no setting."""
    every = [values(run) for run in runs]
    return {
        spec.path: [v.get(spec.path) for v in every]
        for spec in fields()
        if spec.path != "name" and len({repr(v.get(spec.path)) for v in every}) > 1
    }


def latest(run: RunDirectory, curves: CurveCache) -> dict[str, float]:
    """The newest value of each of `RESULTS`."""
    found = curves.read(run)
    return {key: v for key, metric in RESULTS.items() if (v := found.latest(metric)) is not None}


def parallel(runs: Sequence[RunDirectory], curves: CurveCache, result: str) -> dict[str, Any]:
    """Parallel coordinates: an axis each setting that differs, and the result, which also gives the colour."""
    pairs = [(run, v) for run in runs if (v := latest(run, curves).get(result)) is not None]
    differing = differences([run for run, _ in pairs])
    if len(pairs) < 2 or not differing:
        return figure(
            [], empty="Tick at least two runs whose settings differ and that have measured something."
        )
    outcome = [v for _, v in pairs]
    axes = [_axis(path, found) for path, found in differing.items()]
    title = NAMES[RESULTS[result]]
    trace: dict[str, Any] = {
        "type": "parcoords",
        "line": {"color": outcome, "colorscale": [[0, "#d1495b"], [0.5, "#ec9a29"], [1, "#0f8b8d"]]},
        "dimensions": [*axes, {"label": title, "values": outcome}],
        "labelfont": {"size": 12},
        "domain": {"x": [0.04, 0.96], "y": [0, 0.86]},
    }
    if len(axes) > LEVEL_LABELS:  # more would run into each other
        tilted = {"labelangle": -30, "labelfont": {"size": 11}, "domain": {"x": [0.04, 0.9], "y": [0, 0.66]}}
        trace |= tilted
    return figure([trace], {"margin": {"l": 40, "r": 40, "t": 36, "b": 32}}, revision=result)


def _axis(path: str, found: list[Any]) -> dict[str, Any]:
    title = _title(path)
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in found):
        return {"label": title, "values": found, "tickvals": sorted(set(found))}
    names = sorted({str(v) for v in found})
    texts = {"True": "on", "False": "off", "None": "all"}
    return {
        "label": title,
        "values": [names.index(str(v)) for v in found],
        "tickvals": list(range(len(names))),
        "ticktext": [texts.get(name, name) for name in names],
    }


def _title(path: str) -> str:
    """Of a setting, with its section where another has the same title."""
    spec = next(spec for spec in fields() if spec.path == path)
    alone = sum(other.title == spec.title for other in fields()) == 1
    return spec.title if alone else f"{spec.section}: {spec.title}"


def scatter(runs: Sequence[RunDirectory], curves: CurveCache, setting: str, result: str) -> dict[str, Any]:
    """One setting against the result, a point a run."""
    traces = []
    for index, run in enumerate(runs):
        outcome, value = latest(run, curves).get(result), values(run).get(setting)
        if outcome is None or value is None:
            continue
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": run_name(run.id),
                "x": [("on" if value else "off") if isinstance(value, bool) else value],
                "y": [outcome],
                "marker": {"size": 11, "color": series_colour(index)},
                "hovertemplate": "%{x}: %{y:.4g}",
            }
        )
    title = next((spec.title for spec in fields() if spec.path == setting), setting)
    layout = {
        "hovermode": "closest",
        "xaxis": {"title": {"text": title}},
        "yaxis": {"title": {"text": NAMES[RESULTS[result]]}, **_scale(RESULTS[result])},
    }
    return figure(traces, layout, revision=f"{setting} {result}", empty=EMPTY)
