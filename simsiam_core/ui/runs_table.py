"""The table of all runs, and that of the settings in which some differ."""

from __future__ import annotations

from typing import Any

from simsiam_core.config import fields
from simsiam_core.config.sections.network import RESNETS
from simsiam_core.metrics import in_order
from simsiam_core.runs import RunDirectory, Status
from simsiam_core.ui import compare
from simsiam_core.ui.glance import Glances
from simsiam_core.ui.monitor_words import NO_RUNS
from simsiam_core.ui.series import CurveCache
from simsiam_core.ui.table import rows
from simsiam_core.ui.theme import series_colour
from simsiam_core.ui.words import moment, run_name

MEASURED = {metric.key: metric for metric in in_order() if metric.column}
COLUMNS = {
    "name": "Run",
    "state": "State",
    **{key: metric.column for key, metric in MEASURED.items()},
    "epochs": "Epochs",
    "batch": "Batch",
    "lr": "LR",
    "backbone": "Backbone",
    "data": "Images",
    "seed": "Seed",
    "tags": "Tags",
    "when": "Created",
}
NUMBERS = (*MEASURED, "epochs", "batch", "lr", "seed")


class RunsTable:
    """All runs, a line each; a look at those that have not changed costs next to nothing."""

    def __init__(self, glances: Glances, curves: CurveCache) -> None:
        self._glances, self._curves = glances, curves
        self._known: dict[str, tuple[Any, dict[str, Any]]] = {}

    def lines(self, ids: list[str]) -> list[dict[str, Any]]:
        """The newest first; those of `ids` are ticked, in the colours of their curves."""
        glance = self._glances.look()
        for run in glance.runs:
            place = ids.index(run.id) if run.id in ids else None
            status = glance.statuses[run.id]
            depends = (status, run.metrics_version(), place)
            if self._known.get(run.id, (None,))[0] != depends:
                self._known[run.id] = depends, _line(run, status, compare.latest(run, self._curves), place)
        return [self._known[run.id][1] for run in glance.runs]

    def forget(self, run: RunDirectory) -> None:
        """Its notes were changed."""
        self._known.pop(run.id, None)

    def value(self, lines: list[dict[str, Any]]) -> dict[str, Any]:
        """What the table shows of these lines."""
        return rows(COLUMNS, lines, numbers=NUMBERS, choose=True, empty=NO_RUNS)


def _line(run: RunDirectory, status: Status, found: dict[str, float], place: int | None) -> dict[str, Any]:
    values = compare.values(run)
    if run.imported:  # of its config, only these are about it
        values = {path: value for path, value in values.items() if path.startswith(("model.", "data."))}
    learning_rate = values.get("optimiser.base_lr", 0) * values.get("training.batch_size", 0) / 256
    cells = {
        "name": run_name(run.id),
        "state": status.state + (f" {status.progress:.0%}" if status.active else ""),
        **{key: metric.text(found[key]) if key in found else "" for key, metric in MEASURED.items()},
        "epochs": str(values.get("training.epochs", "")),
        "batch": str(values.get("training.batch_size", "")),
        "lr": f"{learning_rate:.3g}" if learning_rate else "",
        "backbone": _network(str(values.get("model.backbone", "")), values.get("model.width", "")),
        "data": str(values.get("data.source", "")),
        "seed": str(values.get("training.seed", "")),
        "tags": ", ".join(run.notes().tags),
        "when": moment(status.created) if status.created else "",
    }
    sort = {**found, "epochs": values.get("training.epochs"), "batch": values.get("training.batch_size")}
    sort |= {"lr": learning_rate, "when": status.created, "seed": values.get("training.seed")}
    shown = {"shown": place is not None, "colour": series_colour(place) if place is not None else None}
    return {"id": run.id, "title": run.id, "cells": cells, "sort": sort, **shown}


def _network(backbone: str, width: Any) -> str:
    """The backbone, with the width where it has one of its own choice."""
    return f"{backbone}, {width}" if backbone in RESNETS else backbone


def differences(runs: list[RunDirectory]) -> dict[str, Any]:
    """The value of the table of the settings in which these runs differ."""
    columns = {"setting": "Setting"} | {run.id: run_name(run.id) for run in runs}
    titles = {spec.path: f"{spec.section}: {spec.title}" for spec in fields()}
    lines = [
        {
            "id": path,
            "cells": {"setting": titles[path]}
            | {run.id: _text(v) for run, v in zip(runs, found, strict=True)},
        }
        for path, found in compare.differences(runs).items()
    ]
    same = "These runs differ in nothing but their names." if len(runs) > 1 else "Tick two runs or more."
    return rows(columns, lines, empty=same)


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)
