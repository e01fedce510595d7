"""Runs beside one another: setting against result, and what differs in the configs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simsiam_core.metrics import describe, in_order
from simsiam_core.runs import RunDirectory
from simsiam_core.ui.components.chart import ACCURACY, figure
from simsiam_core.ui.components.table import rows
from simsiam_core.ui.runs.charts import Drawn
from simsiam_core.ui.runs.settings import differences, specs, text, title, values
from simsiam_core.ui.runs.view import CompareView
from simsiam_core.ui.text import run_name

RESULTS = {metric.key: metric for metric in in_order() if metric.key and (metric.result or metric.column)}
FIRST_RESULT, FIRST_SETTING = "knn", "training.batch_size"
LEVEL_LABELS = 5  # axes of the parallel coordinates
TOO_FEW = "Tick two runs or more in the list to compare them."
NOTHING = "Tick at least two runs whose settings differ and that have measured something."


def result_of(view: CompareView) -> str:
    """The key of the result that runs are compared by."""
    return view.outcome if view.outcome in RESULTS else FIRST_RESULT


def setting_of(view: CompareView, runs: Sequence[RunDirectory]) -> str:
    """The path of the setting: the one asked for, or else the first in which the runs differ."""
    if view.setting in specs():
        return view.setting
    return next(iter(differences(runs)), FIRST_SETTING)


def choices(view: CompareView, runs: Sequence[RunDirectory]) -> dict[str, Any]:
    """What the boxes above the comparison offer."""
    differing = differences(runs)
    settings = [{"key": path, "title": title(path), "differs": path in differing} for path in specs()]
    results = [{"key": key, "title": metric.title} for key, metric in RESULTS.items()]
    return {
        "results": results,
        "settings": sorted(settings, key=lambda one: not one["differs"]),
        "result": result_of(view),
        "setting": setting_of(view, runs),
        "runs": len(runs),
    }


def scatter(runs: Sequence[Drawn], setting: str, result: str) -> dict[str, Any]:
    """One setting against the result, a point a run."""
    traces, metric = [], RESULTS[result]
    for drawn in runs:
        outcome, value = drawn.curves.latest(metric.name), values(drawn.run).get(setting)
        if outcome is None or value is None:
            continue
        traces.append(
            {
                "uid": drawn.run.id,
                "type": "scatter",
                "mode": "markers",
                "name": run_name(drawn.run.id),
                "x": [text(value) if isinstance(value, bool) else value],
                "y": [outcome],
                "marker": {"size": 11, "color": drawn.colour},
                "meta": drawn.run.id,
                "hovertemplate": f"%{{x}}: %{{y:{metric.format}}}",
            }
        )
    layout = {
        "hovermode": "closest",
        "xaxis": {"title": {"text": title(setting)}},
        "yaxis": {"title": {"text": metric.title}, **_scale(result)},
    }
    return figure(traces, layout, revision=f"{setting} {result}", empty=NOTHING)


def _scale(result: str) -> dict[str, Any]:
    """Fractions in per cent; what may be too low from 0, so that collapsed looks collapsed."""
    metric = RESULTS[result]
    if metric.healthy[0] is not None:
        return {"rangemode": "tozero"}
    if metric.scale == "log":
        return {"type": "log"}
    return ACCURACY if metric.scale == "fraction" else {}


def parallel(runs: Sequence[Drawn], result: str) -> dict[str, Any]:
    """Parallel coordinates: an axis each setting that differs, and the result, which also gives the colour."""
    metric = RESULTS[result]
    pairs = [(drawn.run, v) for drawn in runs if (v := drawn.curves.latest(metric.name)) is not None]
    differing = differences([run for run, _ in pairs])
    if len(pairs) < 2 or not differing:
        return figure([], empty=NOTHING)
    outcome = [v for _, v in pairs]
    axes = [_axis(path, found) for path, found in differing.items()]
    trace: dict[str, Any] = {
        "type": "parcoords",
        "line": {"color": outcome, "colorscale": [[0, "#d1495b"], [0.5, "#ec9a29"], [1, "#0f8b8d"]]},
        "dimensions": [*axes, {"label": describe(metric.name).title, "values": outcome}],
        "labelfont": {"size": 12},
        "domain": {"x": [0.04, 0.96], "y": [0, 0.86]},
    }
    if len(axes) > LEVEL_LABELS:  # more would run into each other
        tilted = {"labelangle": -30, "labelfont": {"size": 11}, "domain": {"x": [0.04, 0.9], "y": [0, 0.66]}}
        trace |= tilted
    return figure([trace], {"margin": {"l": 40, "r": 40, "t": 36, "b": 32}}, revision=result)


def _axis(path: str, found: list[Any]) -> dict[str, Any]:
    if all(isinstance(v, int | float) and not isinstance(v, bool) for v in found):
        return {"label": title(path), "values": found, "tickvals": sorted(set(found))}
    names = sorted({str(v) for v in found})
    texts = {"True": "on", "False": "off", "None": "all"}
    return {
        "label": title(path),
        "values": [names.index(str(v)) for v in found],
        "tickvals": list(range(len(names))),
        "ticktext": [texts.get(name, name) for name in names],
    }


def difference_table(runs: Sequence[RunDirectory]) -> dict[str, Any]:
    """The value of the table of the settings in which these runs differ."""
    columns = {"setting": "Setting"} | {run.id: run_name(run.id) for run in runs}
    lines = [
        {
            "id": path,
            "cells": {"setting": f"{specs()[path].section}: {specs()[path].title}"}
            | {run.id: text(v) for run, v in zip(runs, found, strict=True)},
        }
        for path, found in differences(runs).items()
    ]
    same = "These runs differ in nothing but their names." if len(runs) > 1 else TOO_FEW
    return rows(columns, lines, empty=same)
