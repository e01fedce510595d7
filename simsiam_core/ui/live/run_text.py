"""How a run is going, in words: a line for the list, the heading of the one that is looked at."""

from __future__ import annotations

import html

from simsiam_core.metrics import describe
from simsiam_core.metrics.train_images_per_second import IMAGES_PER_SECOND
from simsiam_core.metrics.val_knn_accuracy import KNN_ACCURACY
from simsiam_core.runs import FIRST_STEP, Collapse, Origin, Recent, RunDirectory, RunError, Status
from simsiam_core.runs.verdict import Verdict
from simsiam_core.runs.weights import source_in_words, weights_source
from simsiam_core.training.methods import title_of
from simsiam_core.ui.live.curves import Curves
from simsiam_core.ui.text import bar, duration, moment, problem, rate, run_name

ELSEWHERE = "trained elsewhere"
NEXT_OF_A_GOOD_ONE = "Look inside it, or measure it with Evaluate."
NO_RUNS = "No runs yet. Choose a preset on the Train tab and press Start training."


def epochs(run: RunDirectory) -> int | None:
    """How many are planned, if the config can be read."""
    try:
        return run.config().training.epochs
    except RunError:
        return None


def method(run: RunDirectory) -> str:
    """The title of its training method; empty if the config cannot be read."""
    try:
        return title_of(run.config().objective.method)
    except RunError:
        return ""


def steps_per_epoch(run: RunDirectory, status: Status) -> float:
    """At least 1, so that it divides."""
    return max(1.0, origin(run).per_epoch(status.total_steps, epochs(run) or 1))


def origin(run: RunDirectory) -> Origin:
    """Where its epochs are counted from, as far as that can be read."""
    try:
        return run.origin() or FIRST_STEP
    except RunError:
        return FIRST_STEP


def detail(run: RunDirectory, status: Status, recent: Recent) -> str:
    """The line under a run's name."""
    parts = [moment(status.created)] if status.created else []
    if status.state == "running":
        parts = [f"{status.progress:.0%}"]
    if run.damage():
        parts = ["damaged", *parts]
    return " · ".join([*parts, *([ELSEWHERE] if run.imported else _how_it_goes(status, recent))])


def heading(
    run: RunDirectory,
    status: Status,
    recent: Recent,
    curves: Curves,
    collapse: Collapse | None = None,
    waits: str = "",
    judged: Verdict | None = None,
) -> str:
    """The current run in one snapshot: state, progress, pace, what is wrong or why it waits, and a verdict; as HTML."""
    facts = [ELSEWHERE] if run.imported else _facts(run, status, recent)
    notes = run.notes()
    forked = f"Forked from {_origin(notes.forked_from)}." if notes.forked_from else ""
    source = weights_source(run)
    started = f"Started from {source_in_words(source)}." if source else ""
    doing = status.activity if status.state == "running" else waits
    sentences = "".join(
        f'<p class="activity">{html.escape(text)}</p>' for text in (doing, forked, started) if text
    )
    return (
        f'<div class="run-title"><h2>{html.escape(run_name(run.id))}</h2>'
        f'<span class="run-state" data-state="{status.state}">{status.state}</span></div>'
        f"{bar(status.progress)}"
        f'<p class="facts">{html.escape(" · ".join(facts))}</p>{sentences}'
        f"{_problems(run, status, curves)}{_collapse_warning(collapse)}{_verdict(judged)}"
    )


def _verdict(judged: Verdict | None) -> str:
    """What came of a run that has ended, and what to do next."""
    if judged is None:
        return ""
    next_step = judged.next_step or NEXT_OF_A_GOOD_ONE
    return (
        f'<p class="run-verdict" id="runs-verdict" data-level="{judged.level}">'
        f"<strong>{html.escape(judged.sentence)}</strong> {html.escape(next_step)}</p>"
    )


def _facts(run: RunDirectory, status: Status, recent: Recent) -> list[str]:
    """Return method, progress, device and pace of a run of this program."""
    facts = [trained_by] if (trained_by := method(run)) else []
    if status.total_steps and (planned := epochs(run)):
        epoch = min(planned, origin(run).epochs_at(status.step, steps_per_epoch(run, status)))
        facts += [f"epoch {epoch:.1f} of {planned}", f"step {status.step:,} of {status.total_steps:,}"]
    facts += [status.device] if status.device else []
    return [*facts, *_how_it_goes(status, recent)]


def _problems(run: RunDirectory, status: Status, curves: Curves) -> str:
    """How it ended if not well, and what is wrong with its files; the status says that of its own."""
    told = [status.error] if status.error else []
    damage = [
        sentence for sentence in (*run.damage(), curves.problem) if sentence and sentence not in str(told)
    ]
    return "".join(problem(text) for text in [*told, *damage])


def _origin(forked_from: str) -> str:
    run_id, _, checkpoint = forked_from.partition(" ")
    return f"{run_name(run_id)}, {checkpoint}"


def _how_it_goes(status: Status, recent: Recent) -> list[str]:
    parts = []
    if status.state == "running":
        if (left := _seconds_left(status, recent)) is not None:
            parts.append(f"{duration(left)} left")
        if speed := recent.values.get(IMAGES_PER_SECOND):
            parts.append(rate(speed))
    elif status.started and status.ended:
        parts.append(f"took {duration(status.working_seconds)}")
    if (accuracy := recent.values.get(KNN_ACCURACY)) is not None:
        metric = describe(KNN_ACCURACY)
        parts.append(f"{metric.column} {metric.text(accuracy)}")
    return parts


def _seconds_left(status: Status, recent: Recent) -> float | None:
    """From the pace of late, since this process began (a pause of a night is none), evaluation included."""
    if recent.first is None or recent.last is None or recent.last[0] <= recent.first[0]:
        return None
    pace = max(0.0, status.last_seen - recent.first[1]) / (recent.last[0] - recent.first[0])
    return pace * (status.total_steps - status.step) if status.total_steps else None


def _collapse_warning(collapse: Collapse | None) -> str:
    if collapse is None or collapse.sentence is None:
        return ""
    return f'<p class="warning" id="monitor-collapse">{html.escape(collapse.sentence)}</p>'
