"""What Monitor shows: one look at the run directories each time that a page asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simsiam_core.runs import CollapseReader, RunDirectory
from simsiam_core.ui.context import Context
from simsiam_core.ui.glance import Glance
from simsiam_core.ui.monitor_charts import CHARTS, ChartSpec, chart
from simsiam_core.ui.monitor_words import NO_RUNS, detail, heading
from simsiam_core.ui.news import Part
from simsiam_core.ui.series import Curves, XAxis
from simsiam_core.ui.theme import series_colour
from simsiam_core.ui.words import run_name

LISTED_RUNS = 100
LOG_LINES = 200


@dataclass(frozen=True)
class Look:
    """What was seen at one time, and the runs on the charts of it, the current one first."""

    glance: Glance
    shown: list[RunDirectory]

    @property
    def current(self) -> RunDirectory | None:
        """The run that is looked at; None where there is none at all."""
        return self.shown[0] if self.shown else None

    @property
    def state(self) -> str:
        """Of the current run; empty without one."""
        return self.glance.statuses[self.shown[0].id].state if self.shown else ""


def look(context: Context, chosen: list[str]) -> Look:
    """At the runs as they are now; `chosen` are the ids that the page has on its charts."""
    glance = context.glances.look()
    by_id = {run.id: run for run in glance.runs}
    shown = [by_id[run_id] for run_id in chosen if run_id in by_id] or glance.runs[:1]
    return Look(glance, shown)


class Monitor:
    """The list of runs, the charts, the heading and the log."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._collapses = CollapseReader()

    def parts(self, seen: Look, axis: XAxis) -> list[Part]:
        """The list, each of `CHARTS`, heading and log."""
        listed, shown = seen.glance.runs[:LISTED_RUNS], seen.shown
        curves = {run.id: self._context.curves.read(run) for run in shown}
        rows = [_row(run, seen) for run in listed]
        total = len(seen.glance.runs)
        note = f"The {LISTED_RUNS} newest of {total} runs." if total > LISTED_RUNS else ""
        parts = [
            Part("monitor-runs", (rows, note), lambda: {"rows": rows, "note": note, "empty": NO_RUNS}),
            *(_chart(spec, seen, curves, axis) for spec in CHARTS),
        ]
        run = seen.current
        if run is None:
            return [*parts, Part("monitor-head", None, str), Part("monitor-log", None, str)]
        waits = next((entry.reason for entry in seen.glance.queue if entry.run.id == run.id), "")
        status = seen.glance.statuses[run.id]
        collapse = self._collapses.read(run, status)
        head = heading(run, status, seen.glance.recent[run.id], curves[run.id], collapse, waits)
        written = (run.id, run.log_version())
        return [
            *parts,
            Part("monitor-head", head, lambda: head),
            Part("monitor-log", written, lambda: _log(run)),
        ]


def _chart(spec: ChartSpec, seen: Look, curves: Mapping[str, Curves], axis: XAxis) -> Part:
    depends = (axis, [(run.id, curves[run.id].lengths(spec.metrics)) for run in seen.shown])
    return Part(
        f"monitor-{spec.key}", depends, lambda: chart(spec, seen.shown, seen.glance.statuses, curves, axis)
    )


def _row(run: RunDirectory, seen: Look) -> dict[str, Any]:
    status, ids = seen.glance.statuses[run.id], [r.id for r in seen.shown]
    return {
        "id": run.id,
        "name": run_name(run.id),
        "state": status.state,
        "active": status.active,
        "progress": round(status.progress, 4),
        "detail": detail(run, status, seen.glance.recent[run.id]),
        "current": run.id == ids[0],
        "shown": run.id in ids,
        "colour": series_colour(ids.index(run.id)) if run.id in ids else None,
    }


def _log(run: RunDirectory) -> str:
    return "\n".join(run.log_tail(LOG_LINES)) or "The log is empty so far."
