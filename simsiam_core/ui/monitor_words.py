"""How a run is going, in words: a line for the list, the heading of the one that is looked at."""

from __future__ import annotations

import html
from bisect import bisect_left

import numpy as np

from simsiam_core.jobs.notify import COLLAPSED_STD
from simsiam_core.runs import RunDirectory, RunError, Status
from simsiam_core.training.collapse import CollapseWatch
from simsiam_core.ui.series import Curves, Series
from simsiam_core.ui.words import bar, duration, moment, problem, rate, run_name

NO_RUNS = "No runs yet. Choose a preset on the Train tab and press Start training."


def epochs(run: RunDirectory) -> int | None:
    """How many are planned, if the config can be read."""
    try:
        return run.config().training.epochs
    except RunError:
        return None


def steps_per_epoch(run: RunDirectory, status: Status) -> float:
    """At least 1, so that it divides."""
    return max(1.0, status.total_steps / (epochs(run) or 1))


def detail(status: Status, curves: Curves | None, accuracy: float | None) -> str:
    """The line under a run's name. `accuracy` is the last one of a run at rest."""
    parts = [moment(status.created)] if status.created else []
    if status.state == "running":
        parts = [f"{status.progress:.0%}", *_pace(status, curves)]
    elif status.started and status.ended:
        parts.append(f"took {duration(status.ended - status.started)}")
    if accuracy is None and curves:
        accuracy = curves.latest("val/knn_accuracy")
    if accuracy is not None:
        parts.append(f"kNN {accuracy:.1%}")
    return " · ".join(parts)


def heading(run: RunDirectory, status: Status, curves: Curves, waits: str = "") -> str:
    """The current run in one glance: state, progress, pace, and what is wrong or why it waits; as HTML."""
    facts = []
    if status.total_steps and (planned := epochs(run)):
        epoch = min(planned, status.step / steps_per_epoch(run, status))
        facts += [f"epoch {epoch:.1f} of {planned}", f"step {status.step:,} of {status.total_steps:,}"]
    if status.state == "running":
        facts += _pace(status, curves)
    elif status.started and status.ended:
        facts.append(f"took {duration(status.ended - status.started)}")
    if status.device:
        facts.append(status.device)
    if (accuracy := curves.latest("val/knn_accuracy")) is not None:
        facts.append(f"kNN {accuracy:.1%}")
    notes = run.notes()
    origin = f"Forked from {_origin(notes.forked_from)}." if notes.forked_from else ""
    doing = status.activity if status.state == "running" else waits
    sentences = "".join(f'<p class="activity">{html.escape(text)}</p>' for text in (doing, origin) if text)
    return (
        f'<div class="run-title"><h2>{html.escape(run_name(run.id))}</h2>'
        f'<span class="run-state" data-state="{status.state}">{status.state}</span></div>'
        f"{bar(status.progress)}"
        f'<p class="facts">{html.escape(" · ".join(facts))}</p>{sentences}'
        f"{problem(status.error) if status.error else ''}{_collapse_warning(curves)}"
    )


def _origin(forked_from: str) -> str:
    run_id, _, checkpoint = forked_from.partition(" ")
    return f"{run_name(run_id)}, {checkpoint}"


def _pace(status: Status, curves: Curves | None) -> list[str]:
    parts = []
    if (left := _seconds_left(status, curves)) is not None:
        parts.append(f"{duration(left)} left")
    if curves and (speed := curves.latest("train/images_per_second")):
        parts.append(rate(speed))
    return parts


def _seconds_left(status: Status, curves: Curves | None) -> float | None:
    """From the pace so far, evaluation and checkpoints included."""
    if not curves or not status.total_steps or "train/loss" not in curves.series:
        return None
    steps, times = curves.series["train/loss"].steps, curves.series["train/loss"].times
    # Since this process began: a pause of a night is no pace.
    since = bisect_left(times, status.started or 0.0)
    if len(times) - since < 2 or steps[-1] <= steps[since]:
        return None
    pace = (status.heartbeat - times[since]) / (steps[-1] - steps[since])
    return pace * (status.total_steps - status.step)


def _collapse_warning(curves: Curves) -> str:
    spread = curves.series.get("representation/std", Series())
    stds = np.array(spread.values)
    healthy = np.flatnonzero(stds >= COLLAPSED_STD)
    since = (
        int(healthy[-1]) + 1 if len(healthy) else 0
    )  # a watch over the low ones at the end says all there is
    watch = CollapseWatch()
    if since < len(stds):
        ends = (since, len(stds) - 1)
        watch.observe({"step": spread.steps[i], "representation/std": float(stds[i])} for i in ends)
    if not watch.sentence:
        return ""
    return f'<p class="warning" id="monitor-collapse">{html.escape(watch.sentence)}</p>'
