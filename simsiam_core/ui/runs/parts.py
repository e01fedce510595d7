"""What Runs shows: one look at the run directories each time that a page asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from simsiam_core.features.quality import quality
from simsiam_core.runs import CollapseReader, RunDirectory
from simsiam_core.ui.context import Context
from simsiam_core.ui.live.run_text import heading
from simsiam_core.ui.live.snapshot import Snapshot
from simsiam_core.ui.live.updates import Part
from simsiam_core.ui.runs import about
from simsiam_core.ui.runs import comparison as compare
from simsiam_core.ui.runs.charts import CHARTS, ChartSpec, Drawn, chart
from simsiam_core.ui.runs.index import RunIndex
from simsiam_core.ui.runs.listing import list_part
from simsiam_core.ui.runs.view import ChartView, CompareView, ListView
from simsiam_core.ui.text import run_name

LOG_LINES = 200
ENDED = ("finished", "stopped")  # with something to be judged; a failed one says why it failed
DRAWN_RUNS = 30  # at a time: more lines are told apart by nobody


@dataclass(frozen=True)
class Look:
    """What was seen at one time, and the runs that are chosen of it, the current one first."""

    snapshot: Snapshot
    shown: list[RunDirectory]

    @property
    def current(self) -> RunDirectory | None:
        """The run that is looked at; None where there is none at all."""
        return self.shown[0] if self.shown else None

    @property
    def state(self) -> str:
        """Of the current run; empty without one."""
        return self.snapshot.statuses[self.shown[0].id].state if self.shown else ""

    @property
    def ids(self) -> list[str]:
        """Of the chosen runs that there are."""
        return [run.id for run in self.shown]


def look(context: Context, chosen: list[str]) -> Look:
    """At the runs as they are now; `chosen` are the ids that the page has chosen."""
    snapshot = context.snapshots.look()
    shown = [snapshot.by_id[run_id] for run_id in chosen if run_id in snapshot.by_id]
    if not shown:  # then what trains, or else the newest
        shown = [snapshot.by_id[run_id] for run_id in snapshot.running[:1]] or snapshot.runs[:1]
    return Look(snapshot, shown)


class RunsView:
    """The list of runs, the charts, the heading, the log and the comparison."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._collapses = CollapseReader()
        self.index = RunIndex()

    def list_parts(self, seen: Look, view: ListView) -> list[Part]:
        """The list alone, which is filtered while the rest stays."""
        return [list_part(self.index, seen.snapshot, view)]

    def parts(self, seen: Look, view: ChartView, beside: CompareView) -> list[Part]:
        """Each of `CHARTS`, legend, heading, notes, log, and the runs beside one another."""
        drawn = self._drawn(seen)
        return [
            _legend(seen, drawn),
            *(_chart(spec, drawn, view) for spec in CHARTS),
            *_comparison(drawn, beside),
            *self._of_current(seen, drawn),
        ]

    def _drawn(self, seen: Look) -> list[Drawn]:
        snapshot = seen.snapshot
        return [
            Drawn(run, snapshot.statuses[run.id], self._context.curves.read(run), snapshot.colours[run.id])
            for run in seen.shown[:DRAWN_RUNS]
        ]

    def _of_current(self, seen: Look, drawn: Sequence[Drawn]) -> list[Part]:
        """Heading, notes and log of the run that is looked at."""
        run = seen.current
        if run is None:
            return [Part(name, None, str) for name in ("monitor-head", about.ABOUT, "monitor-log")]
        waits = next((entry.reason for entry in seen.snapshot.queue if entry.run.id == run.id), "")
        status, recent = seen.snapshot.statuses[run.id], seen.snapshot.recent[run.id]
        collapse = self._collapses.read(run, status)
        told = collapse is not None and collapse.sentence  # which says more of a collapse than a verdict
        judged = quality(run).verdict if status.state in ENDED and not told else None
        head = heading(run, status, recent, drawn[0].curves, collapse, waits, judged)
        return [
            Part("monitor-head", head, lambda: head),
            about.part(run),
            Part("monitor-log", (run.id, run.log_version()), lambda: _log(run)),
        ]


def _legend(seen: Look, drawn: Sequence[Drawn]) -> Part:
    rows = [{"id": d.run.id, "name": run_name(d.run.id), "colour": d.colour} for d in drawn]
    more = len(seen.shown) - len(drawn)
    note = f"and {more} more; the first {DRAWN_RUNS} are drawn." if more else ""
    return Part("runs-legend", (rows, note), lambda: {"rows": rows, "note": note})


def _chart(spec: ChartSpec, drawn: Sequence[Drawn], view: ChartView) -> Part:
    depends = (
        view,
        [(run_name(d.run.id), d.colour, d.status.active, d.curves.lengths(spec.metrics)) for d in drawn],
    )
    return Part(f"monitor-{spec.key}", depends, lambda: chart(spec, drawn, view))


def _comparison(drawn: Sequence[Drawn], view: CompareView) -> list[Part]:
    runs = [d.run for d in drawn]
    if len(runs) < 2:
        return [Part("runs-compare", len(runs), lambda: {"runs": len(runs)})]
    asked = compare.choices(view, runs)
    result, setting = compare.result_of(view), compare.setting_of(view, runs)
    metric = compare.RESULTS[result].name
    measured: list[Any] = [(run_name(d.run.id), d.colour, d.curves.latest(metric)) for d in drawn]
    return [
        Part("runs-compare", asked, lambda: asked),
        Part("runs-scatter", (measured, result, setting), lambda: compare.scatter(drawn, setting, result)),
        Part("runs-parallel", (measured, result), lambda: compare.parallel(drawn, result)),
        Part("runs-difference", [run_name(run.id) for run in runs], lambda: compare.difference_table(runs)),
    ]


def _log(run: RunDirectory) -> str:
    return "\n".join(run.log_tail(LOG_LINES)) or "The log is empty so far."
