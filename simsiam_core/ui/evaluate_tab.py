"""Evaluate: how good is it?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from simsiam_core.evaluation.results import FORMATS
from simsiam_core.features.worker import WorkError
from simsiam_core.jobs import stop
from simsiam_core.runs import RunError
from simsiam_core.runs.evaluations import EvaluationDirectory, evaluations, find_evaluation
from simsiam_core.ui import evaluate_report as report
from simsiam_core.ui import evaluate_results as results
from simsiam_core.ui import networks
from simsiam_core.ui.actions import READ_ONLY
from simsiam_core.ui.cards import card, card_gallery, gallery
from simsiam_core.ui.chart import figure, plotly_chart
from simsiam_core.ui.context import CLOCK, QUIET, Context, Page, Sent
from simsiam_core.ui.evaluate_form import Form
from simsiam_core.ui.table import table as table_widget
from simsiam_core.ui.widgets import told
from simsiam_core.ui.words import problem, stamp

IMAGES = 60
NO_CELL = "Click a cell of the confusion matrix to see the images in it."
RESULTS = (
    "Backbone features, test split. Grey rows are published figures, not measured here. "
    "What each figure stands for is in the last column."
)


class Evaluate:
    """What the tab shows and does, read from the run directories at each tick."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def view(self, run_id: str | None, shown: str | None, sent: Sent) -> list[Any]:
        """Everything but what the page already has, in the order of `build`'s outputs."""
        job, found = self._job(run_id, shown)
        state = job.status() if job else None
        active = any(j.status().active for j in found)
        result = report.found(job)[0] if job else None
        token = (job.id, state.state, state.step, result is not None) if job and state else None
        nothing = stamp(report.NO_FIGURES if run_id else networks.NO_RUNS)
        heading = report.heading(job) if job else nothing
        lines = [report.line(j, j is job) for j in found]
        runs = self._context.store.runs()
        counts = tuple((r.id, len(list(r.path.glob("evaluations/*.json")))) for r in runs)
        waits, works = bool(state and state.state == "queued"), bool(state and state.active)
        return [
            sent.update("timer", active, gr.Timer(active=active)),
            sent.update("jobs", lines, report.jobs_table(lines)),
            sent.update("head", heading, heading),
            sent.update("beside", waits, gr.update(visible=waits)),
            sent.update("cancel", works, gr.update(visible=works)),
            sent.update(
                "curves", token, lambda: report.curves(job) if job else figure([], empty=report.NOTHING)
            ),
            sent.update("grid", token, lambda: report.knn_grid(result)),
            sent.update("confusion", token, lambda: report.confusion(result)),
            sent.update("classes", token, lambda: report.per_class(result)),
            sent.update("results", counts, lambda: results.listed(runs)),
            *(sent.update(f, counts, lambda f=f: results.written(runs, f)) for f in FORMATS),
        ]

    def cancel(self, run_id: str, shown: str | None) -> str:
        """End the evaluation on the right; it leaves no result."""
        return self._said(run_id, shown, lambda job: stop(job, timeout=10))

    def beside(self, run_id: str, shown: str | None) -> str:
        """Do not wait for a free slot."""
        scheduler = self._context.scheduler
        return self._said(run_id, shown, scheduler.start_beside if scheduler else None)

    def inside(self, run_id: str, shown: str | None, event: gr.EventData) -> Iterator[dict[str, Any]]:
        """The images in a cell of the confusion matrix; the first time they may have to be decoded."""
        ids = told(event, "ids")
        cell = next((str(i) for i in ids if i is not None), "") if isinstance(ids, list) else ""
        true, _, taken = cell.partition("|")
        job, _ = self._job(run_id, shown)
        result = report.found(job)[0] if job else None
        if job is None or result is None or not (true.isdigit() and taken.isdigit()):
            yield gallery([], empty=NO_CELL)
            return
        yield gallery([], empty="Fetching the images …")
        from simsiam_core.evaluation.confused import confused

        try:
            names, predicted = result["details"]["classes"], result["details"]["predicted"]
            arguments = (job.run.path, predicted, int(true), int(taken), IMAGES)
            total, some = self._context.worker.submit(confused, *arguments).result(120)
            text = f"{total} test images of class {names[int(true)]} were taken for {names[int(taken)]}."
        except (RunError, WorkError, TimeoutError, IndexError, KeyError) as error:
            yield gallery([], empty=str(error))
            return
        note = text + (f" The first {IMAGES} are shown." if total > IMAGES else "")
        yield gallery([card(p.id, p.pixels, None) for p in some], note=note, empty=text, size=56)

    def _job(
        self, run_id: str | None, shown: str | None
    ) -> tuple[EvaluationDirectory | None, list[EvaluationDirectory]]:
        """The evaluation on the right, and all of the run's, the newest first."""
        try:
            found = evaluations(self._context.store.get(run_id or ""))
        except RunError:
            return None, []
        return next((j for j in found if j.id == shown), found[0] if found else None), found

    def _said(self, run_id: str, shown: str | None, act: Any) -> str:
        """Do it to the evaluation on the right; what stands in its way, in words."""
        try:
            if self._context.scheduler is None:
                raise RunError(READ_ONLY)
            job, _ = self._job(run_id, shown)
            if job is None:
                raise RunError("This run has no evaluation yet.")
            act(find_evaluation(job.run, job.id))
        except RunError as error:
            return problem(str(error))
        return ""


def build(context: Context, page: Page, tab: gr.Tab) -> None:
    """The tab: what to measure on the left, what came out on the right, all results below."""
    evaluate = Evaluate(context)
    sent, shown = gr.State(Sent), gr.State(None)  # the id of the evaluation on the right
    timer = gr.Timer(1.0, active=False)
    with gr.Row(elem_classes="evaluate-layout", equal_height=False):
        with gr.Column(scale=4, min_width=300):
            form = Form(context)
            with gr.Column(elem_classes="sheet"):
                gr.HTML("<h3>Of this run</h3>", padding=False)
                jobs = table_widget("evaluate-jobs")
        with gr.Column(scale=8, min_width=320):
            with gr.Column(elem_classes="sheet"):
                head = gr.HTML(elem_id="evaluate-head", padding=False)
                with gr.Row():
                    beside = gr.Button(
                        "Measure now, beside what runs", size="sm", visible=False, elem_id="evaluate-beside"
                    )
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
                        "evaluate-confusion",
                        "Confusion matrix",
                        "true classes down, found ones across; click a cell",
                    )
                with gr.Column(elem_classes="sheet chart-panel"):
                    classes = plotly_chart("evaluate-classes", "Accuracy by class")
                    images = card_gallery("evaluate-pictures", gallery([], empty=NO_CELL))
    with gr.Column(elem_classes="sheet"):
        gr.HTML(f'<h3>Results</h3><p class="stamp">{RESULTS}</p>', padding=False)
        everything = table_widget("evaluate-results")
        with gr.Row():
            downloads = [
                gr.DownloadButton(f"Download {table_format.title}", size="sm", elem_id=f"evaluate-{key}")
                for key, table_format in FORMATS.items()
            ]
    outputs = [timer, jobs, head, beside, cancel, curves, grid, confusion, classes, everything, *downloads]
    choice = [form.network.run, shown]
    view = (evaluate.view, [*choice, sent], outputs)

    opened, changed = form.network.wire(context, page, tab, form.message, form.start)
    opened.then(*view, **QUIET)
    changed.then(lambda: None, None, shown, **QUIET).then(*view, **QUIET)
    timer.tick(*view, **CLOCK)
    form.kind.input(form.use_kind, form.kind, form.by_kind, **QUIET)
    form.start.click(form.begin, form.settings, [form.message, shown], **QUIET).then(*view, **QUIET)
    cancel.click(evaluate.cancel, choice, form.message, **QUIET).then(*view, **QUIET)
    beside.click(evaluate.beside, choice, form.message, **QUIET).then(*view, **QUIET)
    jobs.select(_chosen, None, shown, **QUIET).then(*view, **QUIET)
    confusion.click(evaluate.inside, choice, images, **QUIET)
    # Those of another evaluation would pass for this one's.
    shown.change(lambda: gallery([], empty=NO_CELL), None, images, **QUIET)


def _chosen(event: gr.EventData) -> str:
    """The id of a row; it is looked up among the run's own before anything is read."""
    return str(told(event, "id"))
