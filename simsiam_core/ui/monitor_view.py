"""What Monitor shows: one look at the run directories at each tick of the clock, and what is new in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simsiam_core.jobs import Entry, queue_entries
from simsiam_core.runs import RunDirectory, Status
from simsiam_core.ui.context import Context, Sent
from simsiam_core.ui.monitor_charts import CHARTS, chart, colour
from simsiam_core.ui.monitor_words import NO_RUNS, detail, heading
from simsiam_core.ui.series import Curves, XAxis
from simsiam_core.ui.words import run_name

LISTED_RUNS = 100
LOG_LINES = 200


@dataclass(frozen=True)
class Look:
    """What was seen at one tick: all runs, the newest first; those on the charts, the current one first."""

    runs: list[RunDirectory]
    shown: list[RunDirectory]
    statuses: Mapping[str, Status]
    queue: list[Entry]

    @property
    def current(self) -> RunDirectory | None:
        """The run that is looked at; None where there is none at all."""
        return self.shown[0] if self.shown else None

    @property
    def state(self) -> str:
        """Of the current run; empty without one."""
        return self.statuses[self.shown[0].id].state if self.shown else ""


def look(context: Context, chosen: list[str]) -> Look:
    """At the runs as they are now; `chosen` are the ids that the page has on its charts."""
    runs = context.store.runs()
    by_id = {run.id: run for run in runs}
    shown = [by_id[run_id] for run_id in chosen if run_id in by_id] or runs[:1]
    statuses = {run.id: context.rest.status(run) for run in runs}
    return Look(runs, shown, statuses, queue_entries(context.store, runs, statuses))


class Monitor:
    """The list of runs, the charts, the heading and the log."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def view(self, seen: Look, axis: XAxis, sent: Sent) -> list[Any]:
        """Updates for the list, each of `CHARTS`, heading and log, without what the page already has."""
        listed, shown, statuses = seen.runs[:LISTED_RUNS], seen.shown, seen.statuses
        curves = {
            run.id: self._context.curves.read(run)
            for run in {*listed, *shown}
            if run in shown or statuses[run.id].active
        }
        rows = [self._row(run, statuses[run.id], curves.get(run.id), shown) for run in listed]
        total = len(seen.runs)
        note = f"The {LISTED_RUNS} newest of {total} runs." if total > LISTED_RUNS else ""
        updates = [sent.update("runs", (rows, note), {"rows": rows, "note": note, "empty": NO_RUNS})]
        for spec in CHARTS:
            token = (axis, tuple((run.id, curves[run.id].lengths(spec.metrics)) for run in shown))
            updates.append(
                sent.update(spec.key, token, lambda s=spec: chart(s, shown, statuses, curves, axis))
            )
        run = seen.current
        if run is None:
            return [*updates, sent.update("head", None, ""), sent.update("log", None, "")]
        waits = next((entry.reason for entry in seen.queue if entry.run.id == run.id), "")
        head = heading(run, statuses[run.id], curves[run.id], waits)
        written = (run.id, run.log_version())
        return [*updates, sent.update("head", head, head), sent.update("log", written, lambda: _log(run))]

    def _row(
        self, run: RunDirectory, status: Status, curves: Curves | None, shown: list[RunDirectory]
    ) -> dict[str, Any]:
        ids = [r.id for r in shown]
        return {
            "id": run.id,
            "name": run_name(run.id),
            "state": status.state,
            "active": status.active,
            "progress": round(status.progress, 4),
            "detail": detail(status, curves, self._context.rest.accuracy(run)),
            "current": run.id == ids[0],
            "shown": run.id in ids,
            "colour": colour(ids.index(run.id)) if run.id in ids else None,
        }


def _log(run: RunDirectory) -> str:
    return "\n".join(run.log_tail(LOG_LINES)) or "The log is empty so far."
