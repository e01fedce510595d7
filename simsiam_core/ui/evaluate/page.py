"""Evaluate: how good is it?"""

from __future__ import annotations

from typing import Any

import gradio as gr

from simsiam_core.evaluation.results import FORMATS
from simsiam_core.ui.components.chart import plotly_chart
from simsiam_core.ui.components.images import card_gallery, gallery
from simsiam_core.ui.components.outdated import note_box
from simsiam_core.ui.components.table import table
from simsiam_core.ui.components.widget import event_value
from simsiam_core.ui.context import LATEST, QUIET, ChangeTracker, Context, Page
from simsiam_core.ui.context_bar.network import ChosenNetwork
from simsiam_core.ui.evaluate.form import Form
from simsiam_core.ui.evaluate.view import NO_CELL, View
from simsiam_core.ui.live.updates import Aim, News, updates_widget

RESULTS = (
    "Backbone features, test split. Grey rows are published figures, not measured here. "
    "What each figure stands for is in the last column."
)


def build(context: Context, page: Page, tab: gr.Tab) -> None:
    """The page: what to measure on the left, what came out on the right, all results below."""
    EvaluatePage(context).wire(page, tab)


class EvaluatePage:
    """The components; `_shown` names those that `View` fills."""

    def __init__(self, context: Context) -> None:
        self._view = View(context)
        self._sent, self._chosen = (
            gr.State(ChangeTracker),
            gr.State(None),
        )  # the id of the evaluation on the right
        self._shown: dict[str, Any] = {}
        self._updates = updates_widget("evaluate-updates", self._parts)
        with gr.Row(elem_classes="evaluate-layout", equal_height=False):
            with gr.Column(scale=4, min_width=300):
                self._form = Form(context)
                with gr.Column(elem_classes="sheet"):
                    gr.HTML("<h3>Of this run</h3>", padding=False)
                    self._shown["jobs"] = table("evaluate-jobs")
            with gr.Column(scale=8, min_width=320, elem_classes="has-answer"):
                self._head()
                self._charts()
        with gr.Column(elem_classes="sheet"):
            self._table()

    def _head(self) -> None:
        shown = self._shown
        with gr.Column(elem_classes="sheet"):
            shown["note"] = note_box("evaluate-outdated")
            shown["head"] = gr.HTML(elem_id="evaluate-head", padding=False, elem_classes="answer")
            with gr.Row():
                shown["beside"] = gr.Button(
                    "Measure now, beside what runs", size="sm", visible=False, elem_id="evaluate-beside"
                )
                shown["cancel"] = gr.Button(
                    "Cancel", size="sm", variant="stop", visible=False, elem_id="evaluate-cancel"
                )

    def _charts(self) -> None:
        shown = self._shown
        with gr.Row(elem_classes="chart-row answer"):
            with gr.Column(elem_classes="sheet chart-panel"):
                shown["curves"] = plotly_chart(
                    "evaluate-curves", "Accuracy by epoch", "thin: every setting, on validation"
                )
            with gr.Column(elem_classes="sheet chart-panel"):
                shown["grid"] = plotly_chart("evaluate-grid", "kNN accuracy over k and T")
        with gr.Row(elem_classes="chart-row answer"):
            with gr.Column(elem_classes="sheet chart-panel"):
                shown["confusion"] = plotly_chart(
                    "evaluate-confusion",
                    "Confusion matrix",
                    "true classes down, found ones across; click a cell",
                )
            with gr.Column(elem_classes="sheet chart-panel"):
                shown["classes"] = plotly_chart("evaluate-classes", "Accuracy by class")
                self._images = card_gallery("evaluate-pictures", gallery([], empty=NO_CELL))

    def _table(self) -> None:
        gr.HTML(f'<h3>Results</h3><p class="stamp">{RESULTS}</p>', padding=False)
        self._shown["results"] = table("evaluate-results")
        with gr.Row():
            for key, format in FORMATS.items():
                self._shown[key] = gr.DownloadButton(
                    f"Download {format.title}", size="sm", elem_id=f"evaluate-{key}"
                )

    def wire(self, page: Page, tab: gr.Tab) -> None:
        """Show what is there when the page is opened, another network is chosen, and while something is measured."""
        form, shown, network = self._form, self._shown, page.network
        choice = [network, self._chosen]
        show = (self._changed, [*choice, self._sent], list(shown.values()))
        tab.select(ChangeTracker, None, self._sent, **QUIET).then(*show, **QUIET)
        network.change(lambda chosen: gr.update(interactive=chosen is not None), network, form.start, **QUIET)
        network.change(lambda: None, None, self._chosen, **QUIET).then(*show, **QUIET)
        gr.on([network.change, self._chosen.change], _aim, choice, self._updates, **QUIET)
        self._updates.input(*show, **LATEST)
        form.kind.input(form.use_kind, form.kind, form.by_kind, **LATEST)
        begun = form.start.click(form.begin, [network, *form.settings], [form.message, self._chosen], **QUIET)
        cancelled = shown["cancel"].click(self._view.cancel, choice, form.message, **QUIET)
        beside = shown["beside"].click(self._view.beside, choice, form.message, **QUIET)
        picked = shown["jobs"].select(_picked, None, self._chosen, **LATEST)
        for event in (begun, cancelled, beside, picked):
            event.then(*show, **QUIET)
        shown["confusion"].click(self._view.inside, choice, self._images, **QUIET)
        # Those of another evaluation would pass for this one's.
        self._chosen.change(lambda: gallery([], empty=NO_CELL), None, self._images, **QUIET)

    def _changed(
        self, network: ChosenNetwork | None, chosen: str | None, sent: ChangeTracker
    ) -> dict[Any, Any]:
        changed = self._view.changed(network, chosen, sent)
        return {self._shown[name]: value for name, value in changed.items()} or {
            self._shown["note"]: gr.skip()
        }

    def _parts(self, aim: Aim) -> News:
        """Nothing by itself: that something is new has the page ask for what it does not have."""
        *named, evaluation = aim.chosen if len(aim.chosen) == 4 else [None] * 4
        network = ChosenNetwork(*map(str, named)) if evaluation is not None else None
        return News([], controls=self._view.depends(network, evaluation or None))


def _aim(network: ChosenNetwork | None, evaluation: str | None) -> dict[str, Any]:
    """What is asked about: a network, and an evaluation or the newest."""
    named = [network.run, network.checkpoint, network.images] if network else []
    return {"chosen": [*named, evaluation or ""] if network else []}


def _picked(event: gr.EventData) -> str:
    """The id of a row; it is looked up among the run's own before anything is read."""
    return str(event_value(event, "id"))
