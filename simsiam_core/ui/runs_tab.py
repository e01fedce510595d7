"""Runs: what have I tried?"""

from __future__ import annotations

from typing import Any

import gradio as gr

from simsiam_core.config import ConfigError, fields
from simsiam_core.config.ablations import ABLATIONS, members
from simsiam_core.jobs import enqueue
from simsiam_core.metrics.representation_effective_rank import EFFECTIVE_RANK
from simsiam_core.metrics.train_loss import TRAIN_LOSS
from simsiam_core.runs import RunDirectory, RunError
from simsiam_core.ui import compare
from simsiam_core.ui.actions import READ_ONLY
from simsiam_core.ui.chart import plotly_chart
from simsiam_core.ui.context import CLOCK, QUIET, Context, Page, Sent
from simsiam_core.ui.disk_panel import DiskPanel
from simsiam_core.ui.import_panel import ImportPanel
from simsiam_core.ui.runs_table import RunsTable, differences
from simsiam_core.ui.table import table as table_widget
from simsiam_core.ui.train_tab import Fill
from simsiam_core.ui.widgets import told
from simsiam_core.ui.words import problem, run_name

METRICS = [(title, metric) for metric, title in compare.NAMES.items()]
AXES = [("Step", "step"), ("Epoch", "epoch"), ("Time", "minutes"), ("Images", "images")]
OUTCOMES = [(compare.NAMES[metric], key) for key, metric in compare.RESULTS.items()]
SETTINGS = [(f"{spec.title} ({spec.section})", spec.path) for spec in fields() if spec.path != "name"]
FOLLOW_SECONDS = 2.0  # between two looks at what the runs have measured since
IDLE_SECONDS = 5.0  # where none is at work: one may be started from a terminal
MAX_TEXT, MAX_TAGS, MAX_TAG = 10_000, 20, 40
TOO_MUCH = f"At most {MAX_TAGS} tags of {MAX_TAG} letters and {MAX_TEXT:,} letters of notes can be kept."
FIRST = "Click a run in the table first."


def build(context: Context, page: Page, tab: gr.Tab, fill: Fill) -> None:
    """The tab: every run in a table; the ticked ones compared; the clicked one to write about or clone."""
    ticked, current, table = gr.State([]), gr.State(None), RunsTable(context.glances, context.curves)
    with gr.Column(elem_classes="sheet"):
        gr.HTML("<h3>Runs</h3>", padding=False)
        listed = table_widget("runs-table")
        imports = ImportPanel(context)
    with gr.Row(elem_classes="chart-row"):
        with gr.Column(elem_classes="sheet"):
            current_head = gr.HTML("<h3>Click a run to write about it or to clone it</h3>", padding=False)
            tags = gr.Textbox(label="Tags", info="Separated by commas.", max_lines=1, elem_id="runs-tags")
            text = gr.Textbox(label="Notes", lines=2, elem_id="runs-notes")
            with gr.Row():
                keep = gr.Button("Keep", size="sm", elem_id="runs-keep")
                clone = gr.Button("Clone into the form", size="sm", elem_id="runs-clone")
            message = gr.HTML(elem_id="runs-message", padding=False)
        with gr.Column(elem_classes="sheet"):
            gr.HTML("<h3>Ablations</h3>", padding=False)
            choices = [(a.title, name) for name, a in ABLATIONS.items()]
            ablation = gr.Dropdown(choices, value="collapse", label="Group", elem_id="runs-ablation")
            question = gr.HTML(_question("collapse"), padding=False)
            start = gr.Button("Start the group over the form's settings", elem_id="runs-ablate")
            trouble = gr.HTML(elem_id="runs-trouble", padding=False)
        with gr.Column(elem_classes="sheet"):
            disk = DiskPanel(context)
    with gr.Column(elem_classes="sheet"), gr.Row(elem_classes="form-grid"):
        metric = gr.Dropdown(METRICS, value=EFFECTIVE_RANK, label="Metric", elem_id="runs-metric")
        axis = gr.Dropdown(AXES, value="epoch", label="Against", elem_id="runs-axis")
        strength = gr.Slider(0, 0.99, 0.0, step=0.01, label="Smoothing", elem_id="runs-smoothing", buttons=[])
        outcome = gr.Dropdown(OUTCOMES, value="knn", label="Result", elem_id="runs-outcome")
        setting = gr.Dropdown(SETTINGS, value="training.batch_size", label="Setting", elem_id="runs-setting")
    with gr.Column(elem_classes="sheet chart-panel"):
        panels = plotly_chart(
            "runs-panels", "Loss, std and kNN accuracy", "of the ticked runs; the camera saves the figure"
        )
    with gr.Row(elem_classes="chart-row"):
        with gr.Column(elem_classes="sheet chart-panel"):
            overlay = plotly_chart("runs-overlay", "Metric", "of the ticked runs")
        with gr.Column(elem_classes="sheet chart-panel"):
            scatter = plotly_chart("runs-scatter", "Setting against result")
    with gr.Row(elem_classes="runs-layout"):
        with gr.Column(elem_classes="sheet chart-panel"):
            parallel = plotly_chart(
                "runs-parallel", "Every setting that differs", "drag on an axis to filter"
            )
        with gr.Column(elem_classes="sheet"):
            gr.HTML("<h3>What differs in their settings</h3>", padding=False)
            difference = table_widget("runs-difference")
    sent, timer = gr.State(Sent), gr.Timer(FOLLOW_SECONDS, active=False)
    charts = [timer, panels, overlay, scatter, parallel, difference]
    controls = [ticked, metric, axis, strength, outcome, setting]

    def chosen(ids: list[str]) -> list[RunDirectory]:
        by_id = {run.id: run for run in context.store.runs()}
        return [by_id[run_id] for run_id in ids if run_id in by_id]

    def show(ids: list[str]) -> dict[str, Any]:
        return table.value(table.lines(ids))

    def draw(ids: list[str], m: str, x: str, strength_now: float, outcome_now: str, path: str) -> list[Any]:
        runs = chosen(ids)
        x, m = x if x in compare.AXES else "step", m if m in compare.NAMES else TRAIN_LOSS
        outcome_now = outcome_now if outcome_now in compare.RESULTS else "knn"
        strength_now = min(max(strength_now or 0.0, 0.0), 0.99)
        return [
            gr.Timer(FOLLOW_SECONDS if _anything_moves(context) else IDLE_SECONDS, active=True),
            compare.side_by_side(runs, context.curves, x, strength_now),
            compare.overlay(runs, context.curves, m, x, strength_now),
            compare.scatter(runs, context.curves, path, outcome_now),
            compare.parallel(runs, context.curves, outcome_now),
            differences(runs),
        ]

    def follow(sent: Sent, ids: list[str], *given: Any) -> list[Any]:
        """The table and the charts again, where there is more to show than at the last tick."""
        lines = table.lines(ids)
        drawn = (tuple((run.id, run.metrics_version()) for run in chosen(ids)), _anything_moves(context))
        return [
            sent.update("table", lines, lambda: table.value(lines)),
            *(draw(ids, *given) if sent.changes("charts", drawn) else [gr.skip()] * len(charts)),
        ]

    def suggest(ids: list[str], path: str) -> Any:
        """A setting in which the ticked runs differ, where the chosen one is the same in all of them."""
        differing = list(compare.differences(chosen(ids)))
        return gr.skip() if path in differing or not differing else gr.update(value=differing[0])

    def open_tab(ids: list[str], shared: list[str]) -> tuple[list[str], dict[str, Any]]:
        ids = ids or (shared if len(shared) > 1 else beside(shared))
        return ids, show(ids)

    def beside(shared: list[str]) -> list[str]:
        """The runs of the same group as the one looked at elsewhere; without one, the newest few."""
        runs = context.store.runs()
        group = next((run.notes().group for run in runs if run.id in shared), "")
        same = [run.id for run in reversed(runs) if group and run.notes().group == group]
        return same or [*shared, *(run.id for run in runs if run.id not in shared)][:4]

    def tick(ids: list[str], event: gr.EventData) -> tuple[list[str], dict[str, Any]]:
        others = [run_id for run_id in ids if run_id != told(event, "id")]
        ids = [*others, str(told(event, "id"))] if told(event, "shown") else others
        return ids, show(ids)

    def use(event: gr.EventData) -> list[Any]:
        try:
            run = context.store.get(str(told(event, "id")))
        except RunError as error:
            return [gr.skip(), gr.skip(), gr.skip(), gr.skip(), problem(str(error))]
        notes = run.notes()
        return [run.id, f"<h3>{run_name(run.id)}</h3>", ", ".join(notes.tags), notes.text, ""]

    def write(run_id: str | None, ids: list[str], tags_now: str, text_now: str) -> list[Any]:
        try:
            if context.scheduler is None:
                raise RunError(READ_ONLY)
            run = context.store.get(run_id or "")
            found = tuple(dict.fromkeys(tag for part in (tags_now or "").split(",") if (tag := part.strip())))
            text_now = text_now or ""
            if len(text_now) > MAX_TEXT or len(found) > MAX_TAGS or any(len(tag) > MAX_TAG for tag in found):
                raise RunError(TOO_MUCH)
            run.write_notes(run.notes().model_copy(update={"tags": found, "text": text_now}))
            table.forget(run)
        except (RunError, OSError) as error:
            return [problem(str(error) if run_id or context.scheduler is None else FIRST), gr.skip()]
        return ['<p class="stamp">Kept.</p>', show(ids)]

    def into_form(run_id: str | None) -> list[Any]:
        try:
            config = context.store.get(run_id or "").config()
        except RunError as error:
            stay = [gr.skip()] * (len(fill.outputs) + 2)
            return [*stay, problem(str(error) if run_id else FIRST)]
        plain = config.model_dump(mode="json", exclude={"schema_version"})
        return [*fill.updates(plain), gr.Tabs(selected="train"), {"tab": "train"}, ""]

    def ablate(name: str, ids: list[str], *given: Any) -> list[Any]:
        try:
            runs = context.change(
                lambda: enqueue(context.store, members(name, fill.values(given)), group=name)
            )
        except (ConfigError, RunError) as error:
            return [gr.skip(), gr.skip(), problem(str(error))]
        names = ", ".join(run_name(run.id) for run in runs)
        found = [run.id for run in runs]
        return [found, show(found), f'<p class="stamp">Queued, one after another: {names}.</p>']

    imports.wire(page, tab)
    opened = tab.select(open_tab, [ticked, page.chosen], [ticked, listed], **QUIET)
    # Each tick counts, one after another: a second one that came before the answer to the first was lost.
    every = {**QUIET, "trigger_mode": "multiple", "concurrency_limit": 1}
    changed = listed.input(tick, ticked, [ticked, listed], **every)
    listed.select(use, None, [current, current_head, tags, text, message], **QUIET).then(
        disk.show, current, disk.outputs, **QUIET
    )
    opened.then(disk.show, current, disk.outputs, **QUIET)
    disk.connect(current)
    keep.click(write, [current, ticked, tags, text], [message, listed], **QUIET)
    clone.click(into_form, current, [*fill.outputs, page.tabs, page.link, message], **QUIET)
    ablation.input(_question, ablation, question, **QUIET)
    started = start.click(ablate, [ablation, ticked, *fill.inputs], [ticked, listed, trouble], **QUIET)
    for event in (opened, changed, started):
        event.then(suggest, [ticked, setting], setting, **QUIET).then(draw, controls, charts, **QUIET)
    timer.tick(follow, [sent, *controls], [listed, *charts], **CLOCK)
    gr.on(
        [metric.input, axis.input, strength.input, outcome.input, setting.input],
        draw,
        controls,
        charts,
        trigger_mode="always_last",
        **QUIET,
    )


def _question(name: str) -> str:
    group = ABLATIONS.get(name)
    if group is None:
        return ""
    return f'<p class="stamp">{group.question} Runs: {", ".join(group.members)}.</p>'


def _anything_moves(context: Context) -> bool:
    """Whether there is a run that may still measure something."""
    return any(status.active for status in context.glances.look().statuses.values())
