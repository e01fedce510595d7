"""Monitor: how is it going?"""

from __future__ import annotations

import html
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from simsiam_core.config import Config
from simsiam_core.jobs import stop
from simsiam_core.runs import RunDirectory, RunError, Status
from simsiam_core.training.collapse import CollapseWatch
from simsiam_core.ui.actions import READ_ONLY, Actions
from simsiam_core.ui.chart import figure, plotly_chart
from simsiam_core.ui.context import QUIET, Context, Page, Sent
from simsiam_core.ui.series import Curves, Series, XAxis
from simsiam_core.ui.theme import SERIES_COLOURS
from simsiam_core.ui.widgets import widget
from simsiam_core.ui.words import bar, duration, moment, problem, rate, run_name

LISTED_RUNS = 100
LOG_LINES = 200
AXES = {"step": "Step", "epoch": "Epoch", "minutes": "Minutes since the start"}
NO_RUNS = "No runs yet. Choose a preset on the Train tab and press Start training."


@dataclass(frozen=True)
class ChartSpec:
    """One chart: metric names with the dash of their lines."""

    key: str
    title: str
    note: str
    metrics: tuple[tuple[str, str], ...]
    layout: dict[str, Any]
    waiting: str = "Nothing measured yet; the first values come within a few steps."


CHARTS = (
    ChartSpec("loss", "Loss", "−1 alone is no success", (("train/loss", "solid"),), {}),
    ChartSpec(
        "knn",
        "kNN accuracy",
        "dotted: kNN on raw pixels",
        (("val/knn_accuracy", "solid"), ("val/knn_accuracy_raw_pixels", "dot")),
        {"yaxis": {"tickformat": ".1~%"}},
        "Nothing measured yet. It takes labels and test images, and comes as often as set under kNN check.",
    ),
    ChartSpec(
        "lr",
        "Learning rate",
        "dotted: predictor",
        (("train/lr", "solid"), ("train/lr_predictor", "dot")),
        {"yaxis": {"rangemode": "tozero"}},
    ),
    ChartSpec(
        "std",
        "Representation std",
        "1 healthy, 0 collapsed",
        (("representation/std", "solid"),),
        {"yaxis": {"range": [0, 1.1]}},
    ),
    ChartSpec(
        "rank",
        "Effective rank",
        "dimensions in use",
        (("representation/effective_rank", "solid"),),
        {"yaxis": {"rangemode": "tozero"}},
    ),
)


class Monitor:
    """What the tab shows, read from the run directories at each tick."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def view(self, chosen: list[str], axis: XAxis, sent: Sent) -> list[Any]:
        """Everything but what the page already has. The first of `chosen` is the current run."""
        every = self._context.store.runs()
        runs = every[:LISTED_RUNS]
        by_id = {run.id: run for run in every}
        shown = [by_id[run_id] for run_id in chosen if run_id in by_id] or runs[:1]
        rest = self._context.rest
        statuses = {run.id: rest.status(run) for run in {*runs, *shown}}
        curves = {
            r.id: self._context.curves.read(r) for r in {*runs, *shown} if r in shown or statuses[r.id].active
        }
        rows = [self._row(run, statuses[run.id], curves.get(run.id), shown) for run in runs]
        note = f"The {LISTED_RUNS} newest of {len(every)} runs." if len(every) > LISTED_RUNS else ""
        updates = [sent.update("runs", (rows, note), {"rows": rows, "note": note, "empty": NO_RUNS})]
        for spec in CHARTS:
            metrics = [metric for metric, _ in spec.metrics]
            token = (axis, tuple((run.id, curves[run.id].lengths(metrics)) for run in shown))
            updates.append(
                sent.update(spec.key, token, lambda s=spec: self._figure(s, shown, statuses, curves, axis))
            )
        if not shown:
            nothing = [("head", ""), ("log", ""), ("stop", gr.update(interactive=False))]
            return updates + [sent.update(name, None, value) for name, value in nothing]
        status = statuses[shown[0].id]
        head = _heading(shown[0], status, curves[shown[0].id])
        log = "\n".join(shown[0].log_tail(LOG_LINES)) or "The log is empty so far."
        running = status.state in ("queued", "running")
        return [
            *updates,
            sent.update("head", head, head),
            sent.update("log", log, log),
            sent.update("stop", (shown[0].id, running), gr.update(interactive=running, value="Stop")),
        ]

    def _row(
        self, run: RunDirectory, status: Status, curves: Curves | None, shown: Sequence[RunDirectory]
    ) -> dict[str, Any]:
        ids = [r.id for r in shown]
        return {
            "id": run.id,
            "name": run_name(run.id),
            "state": status.state,
            "active": status.active,
            "progress": round(status.progress, 4),
            "detail": _detail(run, status, curves, self._context.rest.accuracy(run)),
            "current": run.id == ids[0],
            "shown": run.id in ids,
            "colour": _colour(ids.index(run.id)) if run.id in ids else None,
        }

    def _figure(
        self,
        spec: ChartSpec,
        runs: Sequence[RunDirectory],
        statuses: dict[str, Status],
        curves: dict[str, Curves],
        axis: XAxis,
    ) -> dict[str, Any]:
        traces = []
        for index, run in enumerate(runs):
            per_epoch = _steps_per_epoch(_config(run), statuses[run.id])
            for metric, dash in spec.metrics:
                x, y = curves[run.id].points(metric, axis, per_epoch)
                if not x:
                    continue
                if metric.endswith("raw_pixels"):  # measured once: a level to beat, drawn as one
                    x, y = (
                        [0, max(curves[run.id].points("val/knn_accuracy", axis, per_epoch)[0], default=1)],
                        y * 2,
                    )
                traces.append(
                    {
                        "uid": f"{run.id}-{metric.replace('/', '-')}",  # plotly makes a CSS class of it
                        "type": "scatter",
                        "mode": "lines+markers" if len(x) < 60 and dash == "solid" else "lines",
                        "name": run_name(run.id) + (" (dotted)" if dash == "dot" else ""),
                        "x": x,
                        "y": y,
                        "line": {
                            "color": _colour(index),
                            "dash": dash,
                            "width": 1.2 if dash == "dot" else 1.8,
                        },
                        "marker": {"size": 4},
                    }
                )
        waiting = spec.waiting if runs else NO_RUNS
        layout = {
            **spec.layout,
            "xaxis": {"title": {"text": AXES[axis], "standoff": 6}, "rangemode": "tozero"},
        }
        return figure(traces, layout, revision=f"{axis} {runs[0].id if runs else ''}", empty=waiting)


def build(context: Context, page: Page, tab: gr.Tab) -> gr.Timer:
    """The tab: runs on the left; what the chosen ones do on the right. Returns its clock."""
    monitor, actions = Monitor(context), Actions(context)
    sent = gr.State(Sent)
    timer = gr.Timer(1.0, active=False)
    with gr.Row(elem_classes="monitor-layout", equal_height=False):
        with gr.Column(scale=3, min_width=280, elem_classes="sheet monitor-side"):
            gr.HTML("<h3>Runs</h3>", padding=False)
            runs = widget("runs", "monitor-runs", {"rows": [], "empty": "Reading the runs …"})
            actions.queue()
        with gr.Column(scale=9, min_width=320):
            with gr.Row(elem_classes="sheet monitor-head", equal_height=False):
                with gr.Column(scale=8, min_width=260):
                    head = gr.HTML(elem_id="monitor-head", padding=False)
                    trouble = gr.HTML(elem_id="monitor-message", padding=False)
                with gr.Column(scale=2, min_width=120, elem_classes="monitor-buttons"):
                    actions.buttons()
                    stop_button = gr.Button(
                        "Stop", variant="stop", interactive=False, size="md", elem_id="monitor-stop"
                    )
            actions.more()
            axis = gr.Radio(
                [("Step", "step"), ("Epoch", "epoch"), ("Time", "minutes")],
                value="step",
                show_label=False,
                container=False,
                elem_id="monitor-axis",
                elem_classes="segmented",
            )
            charts = {}
            for row in (CHARTS[:2], CHARTS[2:]):
                with gr.Row(elem_classes="chart-row"):
                    for spec in row:
                        with gr.Column(elem_classes="sheet chart-panel", min_width=260):
                            charts[spec.key] = plotly_chart(f"monitor-{spec.key}", spec.title, spec.note)
            with gr.Column(elem_classes="sheet"):
                gr.HTML("<h3>Log</h3>", padding=False)
                log = widget("log", "monitor-log", "")
    outputs = [runs, *charts.values(), head, log, stop_button, *actions.outputs]

    def tick(chosen: list[str], axis_now: str, sent_now: Sent) -> list[Any]:
        shown = monitor.view(chosen, axis_now if axis_now in AXES else "step", sent_now)  # type: ignore[arg-type]
        return [*shown, *actions.view(chosen, sent_now)]

    def choose(event: gr.EventData) -> tuple[list[str], dict[str, str], str]:
        run_id = _known(context, event.id)
        return ([run_id], {"run": run_id}, "") if run_id else (gr.skip(), gr.skip(), gr.skip())

    def overlay(chosen: list[str], event: gr.EventData) -> list[str]:
        run_id = _known(context, event.id)
        current = chosen or [run.id for run in context.store.runs()[:1]]
        if not run_id or run_id == current[0]:
            return gr.skip()
        others = [other for other in current if other != run_id]
        return [*others, run_id] if event.shown else others

    def stop_run(chosen: list[str]) -> tuple[Any, str]:
        try:
            if context.scheduler is None:
                raise RunError(READ_ONLY)
            run = context.store.get(chosen[0]) if chosen else context.store.runs()[0]
            stop(run)
        except (RunError, IndexError) as error:
            sentence = "There is no run to stop." if isinstance(error, IndexError) else str(error)
            return gr.update(interactive=True, value="Stop"), problem(sentence)
        return gr.skip(), ""  # the next tick tells what became of it

    state = [page.chosen, axis, sent]
    timer.tick(tick, state, outputs, **QUIET)
    axis.input(tick, state, outputs, **QUIET)
    runs.select(choose, None, [page.chosen, page.link, trouble], **QUIET).then(tick, state, outputs, **QUIET)
    runs.input(overlay, page.chosen, page.chosen, **QUIET).then(tick, state, outputs, **QUIET)
    stop_button.click(
        lambda: gr.update(interactive=False, value="Stopping …"), None, stop_button, **QUIET
    ).then(stop_run, page.chosen, [stop_button, trouble], **QUIET)
    actions.connect(page, (tick, state, outputs))
    tab.select(tick, state, outputs, **QUIET)
    return timer


def _known(context: Context, run_id: Any) -> str | None:
    """An id that came from the page, if there is such a run."""
    return next((run.id for run in context.store.runs() if run.id == run_id), None)


def _config(run: RunDirectory) -> Config | None:
    try:
        return run.config()
    except RunError:
        return None


def _colour(index: int) -> str:
    return SERIES_COLOURS[index % len(SERIES_COLOURS)]


def _steps_per_epoch(config: Config | None, status: Status) -> float:
    return max(1.0, status.total_steps / config.training.epochs) if config else 1.0


def _detail(run: RunDirectory, status: Status, curves: Curves | None, accuracy: float | None) -> str:
    parts = [f"{moment(status.created)}"] if status.created else []
    if status.state == "running":
        parts = [f"{status.progress:.0%}"]
        if (left := _seconds_left(run, status, curves)) is not None:
            parts.append(f"{duration(left)} left")
        if curves and (speed := curves.latest("train/images_per_second")):
            parts.append(rate(speed))
    elif status.started and status.ended:
        parts.append(f"took {duration(status.ended - status.started)}")
    if accuracy is None and curves:
        accuracy = curves.latest("val/knn_accuracy")
    if accuracy is not None:
        parts.append(f"kNN {accuracy:.1%}")
    return " · ".join(parts)


def _seconds_left(run: RunDirectory, status: Status, curves: Curves | None) -> float | None:
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


def _heading(run: RunDirectory, status: Status, curves: Curves) -> str:
    """The current run in one glance: state, progress, pace, and a warning in words if it collapses."""
    config = _config(run)
    facts = []
    if status.total_steps and config:
        epoch = min(config.training.epochs, status.step / _steps_per_epoch(config, status))
        facts.append(f"epoch {epoch:.1f} of {config.training.epochs}")
        facts.append(f"step {status.step:,} of {status.total_steps:,}")
    if status.state == "running":
        if (left := _seconds_left(run, status, curves)) is not None:
            facts.append(f"{duration(left)} left")
        if speed := curves.latest("train/images_per_second"):
            facts.append(rate(speed))
    elif status.started and status.ended:
        facts.append(f"took {duration(status.ended - status.started)}")
    if status.device:
        facts.append(status.device)
    if (accuracy := curves.latest("val/knn_accuracy")) is not None:
        facts.append(f"kNN {accuracy:.1%}")
    doing = (
        f'<p class="activity">{html.escape(status.activity)}</p>' if status.active and status.activity else ""
    )
    error = problem(status.error) if status.error else ""
    watch = CollapseWatch()
    spread = curves.series.get("representation/std", Series())
    steps, stds = list(spread.steps), list(spread.values)
    watch.observe({"step": s, "representation/std": v} for s, v in zip(steps, stds, strict=False))
    warning = (
        f'<p class="warning" id="monitor-collapse">{html.escape(watch.sentence)}</p>'
        if watch.sentence
        else ""
    )
    return (
        f'<div class="run-title"><h2>{html.escape(run_name(run.id))}</h2>'
        f'<span class="run-state" data-state="{status.state}">{status.state}</span></div>'
        f"{bar(status.progress)}"
        f'<p class="facts">{html.escape(" · ".join(facts))}</p>{doing}{error}{warning}'
    )
