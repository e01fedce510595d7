"""What an evaluation shows: a line in the list, its headline figures, curves, grid, classes and confusions."""

from __future__ import annotations

import html
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from simsiam_core.evaluation.kinds import EVALUATIONS, can_predict, listed, title_of
from simsiam_core.features.escaping import plotly_text
from simsiam_core.runs import RunError
from simsiam_core.runs.evaluations import EvaluationDirectory
from simsiam_core.ui.components.chart import ACCURACY, figure
from simsiam_core.ui.components.table import rows
from simsiam_core.ui.evaluate.judgement import judged
from simsiam_core.ui.text import bar, duration, moment, problem, run_name, stamp
from simsiam_core.ui.theme import SERIES_COLOURS, series_colour

TITLES = {name: title for kind in listed().values() for name, title in kind.figures.items()}
COLUMNS = {"what": "What", "figure": "Accuracy", "state": "State"}
NOTHING = "A measurement fills this."
NO_FIGURES = "Press Measure to see how good this network is."
NAME_SHOWN = 24  # letters of a class's name beside an axis
SCALE = [[0, "#e9f3f3"], [1, "#0f8b8d"]]  # opaque: plotly chooses the colour of a cell's text by it


def found(job: EvaluationDirectory) -> tuple[dict[str, Any] | None, str]:
    """The result of an evaluation if there is one, and what is wrong with it if it is damaged."""
    try:
        return job.result(), ""
    except RunError as error:
        return None, str(error)


def line(job: EvaluationDirectory, current: bool) -> dict[str, Any]:
    """One evaluation in the list of its run; those not shown on the right are grey."""
    status, (result, trouble) = job.status(), found(job)
    value = next(iter(result["figures"].values()), None) if result else None
    detail = _detail(job.kind, result["stamp"]) if result else ""
    epoch = f", epoch {result['epoch']}" if result else ""
    took = f" · {duration(result['seconds'])}" if result else ""
    return {
        "id": job.id,
        "muted": not current,
        "cells": {
            "what": title_of(job.kind) + detail + epoch,
            "figure": f"{value:.1%}" if value is not None else "",
            "state": "damaged" if trouble else status.state + took,
        },
        "title": moment(status.created),
        "sort": {"figure": value},
    }


def _detail(kind: str, stamp: Mapping[str, Any]) -> str:
    """Return what tells this evaluation from others of its kind, to stand behind its title."""
    template = EVALUATIONS.get(kind).detail if kind in EVALUATIONS.names else ""
    return f", {template.format_map(defaultdict(str, stamp))}" if template else ""


def jobs_table(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """The value of the table of these lines."""
    return rows(COLUMNS, lines, numbers=("figure",), empty="Nothing measured yet.")


def heading(job: EvaluationDirectory) -> str:
    """State, progress, figures and what they mean as HTML."""
    status, (result, trouble) = job.status(), found(job)
    title = (
        f'<div class="run-title"><h2>{html.escape(title_of(job.kind))}</h2>'
        f'<span class="run-state" data-state="{status.state}">{status.state}</span></div>'
    )
    if status.active:
        text = html.escape(status.activity or "Waiting to start")
        return f'{title}{bar(status.progress)}<p class="activity">{text}</p>'
    if result is None:
        sentence = trouble or status.error
        return title + (problem(sentence) if sentence else "<p class='activity'>It left no result.</p>")
    caption = stamp(f"{run_name(job.run.id)} · epoch {result['epoch']} · test images")
    return f"{title}{caption}{_figures(result)}{_meaning(job, result)}{_settings(job, result)}"


def _figures(result: Mapping[str, Any]) -> str:
    figures = "".join(
        f"<div><strong>{value:.1%}</strong><span>{html.escape(TITLES.get(name, name))}</span></div>"
        for name, value in result["figures"].items()
    )
    return f'<div class="figures">{figures}</div>'


def _meaning(job: EvaluationDirectory, result: Mapping[str, Any]) -> str:
    verdict = judged(job.run, result)
    return f'<p class="verdict" data-level="{verdict.level}">{html.escape(verdict.text)}</p>'


def _settings(job: EvaluationDirectory, result: Mapping[str, Any]) -> str:
    settings = " · ".join(
        f"{name.replace('_', ' ')} {value}"
        for name, value in result["stamp"].items()
        if value is not None and "fingerprint" not in name
    )
    took = f"took {duration(result['seconds'])} on {result['device']}"
    use = f"simsiam predict {job.run.id} IMAGES --evaluation {job.id}"
    how = f'<p class="stamp">Classifies other images: <code>{use}</code></p>' if can_predict(job) else ""
    return stamp(f"{result['checkpoint']} · {settings} · {took}") + how


def curves(job: EvaluationDirectory) -> dict[str, Any]:
    """Accuracies by epoch: of the leader bold, of every setting thin."""
    series: dict[str, tuple[list[int], list[float]]] = {}
    for line in job.metrics():
        for name, value in line.items():
            if name.endswith("accuracy") or name.startswith("validation/"):
                x, y = series.setdefault(name, ([], []))
                x.append(line.get("epoch") or line["step"])
                y.append(value)
    traces, main = [], 0
    for name, (x, y) in sorted(series.items(), key=lambda item: not item[0].startswith("validation/")):
        aside = name.startswith("validation/")
        colour = "rgba(130,140,145,0.45)" if aside else series_colour(main)
        main += not aside
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": name.removeprefix("validation/") if aside else TITLES.get(name, name),
                "x": x,
                "y": y,
                "line": {"color": colour, "width": 1 if aside else 2.2},
                "showlegend": not aside,
            }
        )
    layout = {
        "yaxis": ACCURACY,
        "xaxis": {"title": {"text": "Epoch"}},
        "hovermode": "closest",
        "showlegend": main > 1,
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
    }
    trains = job.kind not in EVALUATIONS.names or EVALUATIONS.get(job.kind).has_epochs
    empty = (
        "No epoch is done yet." if trains else f"A {title_of(job.kind)} trains nothing, so it has no curves."
    )
    return figure(traces, layout, revision=job.id, empty=empty)


def knn_grid(result: dict[str, Any] | None) -> dict[str, Any]:
    """Accuracy over k and T."""
    if not result or not result["details"].get("grid"):
        return figure([], empty=f"A {title_of('knn')} fills this.")
    details = result["details"]
    trace = {
        "type": "heatmap",
        "x": [f"T {t:g}" for t in details["temperatures"]],
        "y": [f"k {k}" for k in details["ks"]],
        "z": details["grid"],
        "texttemplate": "%{z:.1%}",
        "hovertemplate": "%{y}, %{x}: %{z:.1%}<extra></extra>",
        "colorscale": SCALE,
        "showscale": False,
    }
    return figure([trace], {"hovermode": "closest"}, revision=result["id"])


def per_class(result: dict[str, Any] | None) -> dict[str, Any]:
    """Share of each class's test images that were found right; "–" for a class that has none."""
    if not result or "per_class" not in result["details"]:
        return figure([], empty=NOTHING)
    details = result["details"]
    tested = [
        sum(row) > 0 for row in details["confusion"]
    ]  # earlier versions wrote 0.0 where there were none
    shares = [share if any_ else None for share, any_ in zip(details["per_class"], tested, strict=True)]
    trace = {
        "type": "bar",
        "orientation": "h",
        "y": _names(details["classes"])[::-1],
        "x": [share or 0 for share in shares][::-1],
        "text": ["–" if share is None else "" for share in shares][::-1],
        "textposition": "outside",
        "customdata": ["no test images" if share is None else f"{share:.1%}" for share in shares][::-1],
        "hovertemplate": "%{y}: %{customdata}<extra></extra>",
        "marker": {"color": SERIES_COLOURS[0]},
    }
    layout = {
        "hovermode": "closest",
        "xaxis": {"tickformat": ".0%", "range": [0, 1]},
        "yaxis": {"type": "category"},
    }
    return figure([trace], layout, revision=result["id"])


def confusion(result: dict[str, Any] | None) -> dict[str, Any]:
    """Counts by true and found class; a click on a cell carries "true|found"."""
    if not result or "confusion" not in result["details"]:
        return figure([], empty=NOTHING)
    details = result["details"]
    names, counts = _names(details["classes"]), details["confusion"]
    trace = {
        "type": "heatmap",
        "x": names,
        "y": names,
        "z": counts,
        "customdata": [[f"{i}|{j}" for j in range(len(names))] for i in range(len(names))],
        "texttemplate": "%{z}" if len(names) <= 20 else "",
        "hovertemplate": "%{z} of class %{y} taken for %{x}<extra></extra>",
        "colorscale": SCALE,
        "showscale": False,
    }
    layout = {
        "hovermode": "closest",
        "xaxis": {"type": "category"},
        "yaxis": {"type": "category", "autorange": "reversed"},
    }
    return figure([trace], layout, revision=result["id"])


def _names(classes: Sequence[str]) -> list[str]:
    """Of classes, as plotly shows them; long ones without their middle, unless two would look the same."""
    cut = [n if len(n) <= NAME_SHOWN else f"{n[: NAME_SHOWN - 12]}…{n[-11:]}" for n in classes]
    return [plotly_text(name) for name in (cut if len(set(cut)) == len(cut) else classes)]
