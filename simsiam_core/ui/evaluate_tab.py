"""Evaluate: how good is it?"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import gradio as gr

from simsiam_core.config import ConfigError
from simsiam_core.config.evaluation import KINDS as SETTINGS
from simsiam_core.config.evaluation import parse_evaluation
from simsiam_core.evaluation.results import COLUMNS, FORMATS, Row, cells, table
from simsiam_core.features.worker import WorkError
from simsiam_core.jobs import launch, stop
from simsiam_core.runs import RunDirectory, RunError
from simsiam_core.runs.evaluations import EvaluationDirectory, create_evaluation, evaluations, find_evaluation
from simsiam_core.ui import evaluate_report as report
from simsiam_core.ui.actions import READ_ONLY
from simsiam_core.ui.cards import card, card_gallery, gallery
from simsiam_core.ui.chart import figure, plotly_chart
from simsiam_core.ui.context import QUIET, Context, Page, Sent
from simsiam_core.ui.table import rows
from simsiam_core.ui.table import table as table_widget
from simsiam_core.ui.words import duration, moment, problem, run_name

KIND_CHOICES = [("kNN report", "knn"), ("Linear classifier", "linear"), ("Fine-tuning", "finetune")]
ABOUT = {
    "knn": "Accuracy over k and T, per class and as a confusion matrix, beside nearest centroids and raw pixels.",
    "linear": "A linear classifier on the frozen backbone. A validation split chooses, the test split reports.",
    "finetune": "The whole network on few labels, and the same budget from random weights beside it.",
}
PICTURES = 60
NO_RUNS = "No run has a checkpoint yet. Start one on the Train tab."
NO_CELL = "Click a cell of the confusion matrix to see the pictures in it."
SUFFIXES = {"csv": "csv", "markdown": "md", "latex": "tex"}


def build(context: Context, page: Page, tab: gr.Tab) -> None:
    """The tab: what to measure on the left, what came out on the right, all results below."""
    sent, shown = gr.State(Sent), gr.State(None)  # the id of the evaluation on the right
    timer = gr.Timer(1.0, active=False)
    with gr.Row(elem_classes="evaluate-layout", equal_height=False):
        with gr.Column(scale=4, min_width=300):
            with gr.Column(elem_classes="sheet"):
                gr.HTML("<h3>Network</h3>", padding=False)
                run_box = gr.Dropdown(label="Run", allow_custom_value=True, elem_id="evaluate-run")
                checkpoint_box = gr.Dropdown(
                    label="Checkpoint", allow_custom_value=True, elem_id="evaluate-checkpoint"
                )
            with gr.Column(elem_classes="sheet"):
                gr.HTML("<h3>Measure</h3>", padding=False)
                kind = gr.Radio(KIND_CHOICES, value="knn", show_label=False, elem_id="evaluate-kind")
                about = gr.HTML(f'<p class="stamp">{ABOUT["knn"]}</p>', padding=False)
                protocol = gr.Radio(
                    [
                        ("cached features, 12 settings at once", "cached"),
                        ("crops and flips (published)", "augmented"),
                    ],
                    value="cached",
                    label="Protocol",
                    visible=False,
                    elem_id="evaluate-protocol",
                )
                share = gr.Radio(
                    [("1 %", 0.01), ("10 %", 0.1), ("100 %", 1.0)],
                    value=0.1,
                    label="Share of the labels",
                    visible=False,
                    elem_id="evaluate-share",
                )
                with gr.Row(visible=False) as numbers:
                    epochs = gr.Number(100, label="Epochs", step=1, min_width=90, elem_id="evaluate-epochs")
                    seed = gr.Number(0, label="Seed", step=1, min_width=90, elem_id="evaluate-seed")
                start = gr.Button("Measure", variant="primary", elem_id="evaluate-start")
                message = gr.HTML(elem_id="evaluate-message", padding=False)
            with gr.Column(elem_classes="sheet"):
                gr.HTML("<h3>Of this run</h3>", padding=False)
                jobs = table_widget("evaluate-jobs")
        with gr.Column(scale=8, min_width=320):
            with gr.Column(elem_classes="sheet"):
                head = gr.HTML(elem_id="evaluate-head", padding=False)
                cancel = gr.Button(
                    "Cancel", size="sm", variant="stop", visible=False, elem_id="evaluate-cancel"
                )
            with gr.Row(elem_classes="chart-row"):
                with gr.Column(elem_classes="sheet chart-panel"):
                    curves = plotly_chart(
                        "evaluate-curves", "Accuracy by epoch", "thin: every setting, on validation"
                    )
                with gr.Column(elem_classes="sheet chart-panel"):
                    grid = plotly_chart("evaluate-grid", "kNN accuracy over k and T")
            with gr.Row(elem_classes="chart-row"):
                with gr.Column(elem_classes="sheet chart-panel"):
                    confusion = plotly_chart(
                        "evaluate-confusion", "Confusion matrix", "test images; click a cell"
                    )
                with gr.Column(elem_classes="sheet chart-panel"):
                    classes = plotly_chart("evaluate-classes", "Accuracy by class")
                    pictures = card_gallery("evaluate-pictures", gallery([], empty=NO_CELL))
    with gr.Column(elem_classes="sheet"):
        gr.HTML("<h3>Results</h3>", padding=False)
        gr.HTML(
            '<p class="stamp">Backbone features, test split. Grey rows are published figures, not measured here. '
            "A figure's k, T, protocol, labels, epochs and seed stand in the last column.</p>",
            padding=False,
        )
        everything = table_widget("evaluate-results")
        with gr.Row():
            downloads = [
                gr.DownloadButton(f"Download {name}", size="sm", elem_id=f"evaluate-{key}")
                for key, name in (("csv", "CSV"), ("markdown", "Markdown"), ("latex", "LaTeX"))
            ]
    view_outputs = [timer, jobs, head, cancel, curves, grid, confusion, classes, everything, *downloads]

    def view(run_id: str | None, shown_now: str | None, sent_now: Sent) -> list[Any]:
        try:
            run = context.store.get(run_id or "")
        except RunError:
            run = None
        found = evaluations(run) if run else []
        job = next((j for j in found if j.id == shown_now), found[0] if found else None)
        active = any(j.status().active for j in found)
        lines = [_job_line(j, j is job) for j in found]
        listed = rows(JOB_COLUMNS, lines, numbers=("figure",), empty="Nothing measured yet.")
        token = (job.id, job.status().state, job.status().step, job.result() is not None) if job else None
        result = job.result() if job else None
        heading = (
            report.heading(job) if job else f'<p class="stamp">{NO_RUNS if not run else ABOUT["knn"]}</p>'
        )
        runs = context.store.runs()
        counts = tuple((r.id, len(list(r.path.glob("evaluations/*.json")))) for r in runs)
        return [
            sent_now.update("timer", active, gr.Timer(active=active)),
            sent_now.update("jobs", lines, listed),
            sent_now.update("head", heading, heading),
            sent_now.update("cancel", (token, active), gr.update(visible=bool(job and job.status().active))),
            sent_now.update("curves", token, lambda: report.curves(job) if job else figure([])),
            sent_now.update("grid", token, lambda: report.knn_grid(result)),
            sent_now.update("confusion", token, lambda: report.confusion(result)),
            sent_now.update("classes", token, lambda: report.per_class(result)),
            sent_now.update("results", counts, lambda: _results(table(runs))),
            *(sent_now.update(f, counts, lambda f=f: _written(context, f)) for f in FORMATS),
        ]

    def refresh(chosen: list[str], name: str | None) -> list[Any]:
        runs = [run for run in context.store.runs() if run.checkpoints()]
        if not runs:
            return [gr.update(choices=[], value=None)] * 2
        run = next((r for r in runs if chosen and r.id == chosen[0]), runs[0])
        names = [(run_name(r.id), r.id) for r in runs]
        return [gr.update(choices=names, value=run.id), _checkpoints(run, name)]

    def use_run(run_id: str) -> list[Any]:
        try:
            run = context.store.get(run_id)
        except RunError as error:
            return [gr.skip(), gr.skip(), gr.skip(), problem(str(error))]
        return [_checkpoints(run, None), [run.id], None, ""]

    def use_kind(chosen: str) -> list[Any]:
        text = f'<p class="stamp">{ABOUT.get(chosen, "")}</p>'
        trains = chosen in ("linear", "finetune")
        looks = [chosen == "linear", chosen == "finetune", trains]
        return [text, *(gr.update(visible=visible) for visible in looks)]

    def begin(
        run_id: str,
        name: str,
        chosen: str,
        protocol_now: str,
        share_now: float,
        epochs_now: Any,
        seed_now: Any,
    ) -> list[Any]:
        given = {
            "kind": chosen,
            "checkpoint": name,
            "protocol": protocol_now,
            "labels_share": share_now,
            "epochs": epochs_now,
            "seed": seed_now,
        }
        known = SETTINGS[chosen].model_fields if chosen in SETTINGS else given
        try:
            if context.scheduler is None:
                raise RunError(READ_ONLY)
            settings = parse_evaluation({key: value for key, value in given.items() if key in known})
            run = context.store.get(run_id or "")
            run.checkpoint(settings.checkpoint)
            job = create_evaluation(run, settings.model_dump(mode="json"))
            launch(job, command=("evaluate", job.kind, str(run.path), "--job", job.id))
        except (ConfigError, RunError) as error:
            return [problem(str(error)), gr.skip()]
        return ["", job.id]

    def end(run_id: str, shown_now: str | None) -> str:
        try:
            if context.scheduler is None:
                raise RunError(READ_ONLY)
            run = context.store.get(run_id or "")
            job = find_evaluation(run, shown_now) if shown_now else evaluations(run)[0]
            stop(job, timeout=10)
        except (RunError, IndexError) as error:
            return problem(str(error) or "There is nothing to cancel.")
        return ""

    def inside(run_id: str, shown_now: str | None, event: gr.EventData) -> dict[str, Any]:
        cell = next((str(i) for i in event.ids if i is not None), "") if event.ids else ""
        true, _, taken = cell.partition("|")
        try:
            run = context.store.get(run_id or "")
            found = evaluations(run)
            job = next((j for j in found if j.id == shown_now), found[0] if found else None)
            result = job.result() if job else None
            if result is None or not (true.isdigit() and taken.isdigit()):
                return gallery([], empty=NO_CELL)
            from simsiam_core.evaluation.confused import confused

            details = result["details"]
            names = details["classes"]
            task = context.worker.submit(
                confused, run.path, details["predicted"], int(true), int(taken), PICTURES
            )
            total, some = task.result(120)
            text = f"{total} test images of class {names[int(true)]} were taken for {names[int(taken)]}."
            note = text + (f" The first {PICTURES} are shown." if total > PICTURES else "")
        except (RunError, WorkError, TimeoutError, IndexError, KeyError) as error:
            return gallery([], empty=str(error))
        return gallery([card(p.id, p.pixels, None) for p in some], note=note, empty=text, size=56)

    state = [run_box, shown, sent]
    tab.select(refresh, [page.chosen, checkpoint_box], [run_box, checkpoint_box], **QUIET).then(
        view, state, view_outputs, **QUIET
    )
    timer.tick(view, state, view_outputs, **QUIET)
    run_box.input(use_run, run_box, [checkpoint_box, page.chosen, shown, message], **QUIET).then(
        view, state, view_outputs, **QUIET
    )
    kind.input(use_kind, kind, [about, protocol, share, numbers], **QUIET)
    start.click(
        begin, [run_box, checkpoint_box, kind, protocol, share, epochs, seed], [message, shown], **QUIET
    ).then(view, state, view_outputs, **QUIET)
    cancel.click(end, [run_box, shown], message, **QUIET).then(view, state, view_outputs, **QUIET)
    jobs.select(_chosen, None, shown, **QUIET).then(view, state, view_outputs, **QUIET)
    confusion.click(inside, [run_box, shown], pictures, **QUIET)


JOB_COLUMNS = {"what": "What", "figure": "Accuracy", "state": "State"}


def _chosen(event: gr.EventData) -> str:
    """The id of a row; it is looked up among the run's own before anything is read."""
    return str(event.id)


def _job_line(job: EvaluationDirectory, current: bool) -> dict[str, Any]:
    status, result = job.status(), job.result()
    value = next(iter(result["figures"].values())) if result else None
    detail = ""
    if result and job.kind == "linear":
        detail = f", {result['stamp']['protocol']}"
    elif result and job.kind == "finetune":
        detail = f", {result['stamp']['labels']} labels"
    epoch = f", epoch {result['epoch']}" if result else ""
    took = f" · {duration(result['seconds'])}" if result else ""
    return {
        "id": job.id,
        "muted": not current,
        "cells": {
            "what": report.KINDS[job.kind] + detail + epoch,
            "figure": f"{value:.1%}" if value is not None else "",
            "state": status.state + took,
        },
        "title": moment(status.created),
        "sort": {"figure": value},
    }


def _results(found: list[Row]) -> dict[str, Any]:
    titles = {"name": "Network", "epoch": "Epochs", "data": "Images"}
    titles |= {key: title for key, (title, *_) in COLUMNS.items()} | {"stamp": "Settings"}
    lines = []
    for index, line in enumerate(cells(found)):
        ours = index < len(found)
        sort: dict[str, Any] = {}
        if ours:
            sort = {key: figure.value for key, figure in found[index].figures.items()}
            sort["epoch"] = found[index].epoch
        elif line[1].isdigit():
            sort = {"epoch": int(line[1])}
            percents = {key: line[3 + place].strip("≈ %") for place, key in enumerate(COLUMNS)}
            sort |= {key: float(text) / 100 for key, text in percents.items() if text}
        if ours and len(found[index].runs) == 1:
            line = [run_name(line[0]), *line[1:]]
        lines.append(
            {"id": str(index), "cells": dict(zip(titles, line, strict=True)), "sort": sort, "muted": not ours}
        )
    return rows(titles, lines, numbers=("epoch", *COLUMNS))


def _written(context: Context, format: str) -> str:
    """The table as a file in a folder of its own, for the browser to fetch."""
    text = FORMATS[format](table(context.store.runs()))
    path = Path(tempfile.mkdtemp()) / f"results.{SUFFIXES[format]}"
    path.write_text(text, encoding="utf-8")
    return str(path)


def _checkpoints(run: RunDirectory, name: str | None) -> Any:
    names = [checkpoint.name for checkpoint in reversed(run.checkpoints())]
    choices = [(n if n == "last" else f"epoch {int(n.removeprefix('epoch='))}", n) for n in names]
    return gr.update(choices=choices, value=name if name in names else (names[0] if names else None))
