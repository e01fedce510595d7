"""Monitor: how is it going?"""

from __future__ import annotations

import time
from typing import Any

import gradio as gr

from simsiam_core.ui.actions import Actions
from simsiam_core.ui.chart import plotly_chart
from simsiam_core.ui.context import QUIET, Context, Page, Refresh, Sent
from simsiam_core.ui.monitor_charts import AXES, CHARTS
from simsiam_core.ui.monitor_view import Monitor, look
from simsiam_core.ui.news import Aim, Part, news_widget
from simsiam_core.ui.queue_panel import QueuePanel
from simsiam_core.ui.series import XAxis
from simsiam_core.ui.train_tab import Fill
from simsiam_core.ui.widgets import told, widget

AXIS_CHOICES = [("Step", "step"), ("Epoch", "epoch"), ("Time", "minutes")]


def build(context: Context, page: Page, fill: Fill) -> None:
    """The tab: queue and runs on the left; what the chosen ones do on the right."""
    monitor, actions = Monitor(context), Actions(context)
    sent = gr.State(Sent)

    def parts(aim: Aim) -> tuple[list[Part], Any]:
        seen = look(context, aim.chosen)
        axis_now: XAxis = aim.axis if aim.axis in AXES else "step"  # type: ignore[assignment]
        return seen.glance.once(
            ("monitor", axis_now, *(run.id for run in seen.shown)),
            lambda: ([*monitor.parts(seen, axis_now), queue.part(seen)], actions.depends(seen)),
        )

    with gr.Row(elem_classes="monitor-layout", equal_height=False):
        with gr.Column(scale=3, min_width=280, elem_classes="monitor-side"):
            with gr.Column(elem_classes="sheet"):
                gr.HTML("<h3>Queue</h3>", padding=False)
                queue = QueuePanel(context)
            with gr.Column(elem_classes="sheet"):
                gr.HTML("<h3>Runs</h3>", padding=False)
                runs = widget("runs", "monitor-runs", {"rows": [], "empty": "Reading the runs …"})
        with gr.Column(scale=9, min_width=320):
            with gr.Row(elem_classes="sheet monitor-head", equal_height=False):
                with gr.Column(scale=8, min_width=260):
                    widget("head", "monitor-head", "", padding=False)
                    news = news_widget("monitor-news", parts)
                    actions.message()
                with gr.Column(scale=2, min_width=120, elem_classes="monitor-buttons"):
                    actions.buttons()
            actions.more()
            axis = gr.Radio(
                AXIS_CHOICES,
                value="step",
                show_label=False,
                container=False,
                elem_id="monitor-axis",
                elem_classes="segmented",
            )
            for row in (CHARTS[:2], *(CHARTS[i : i + 3] for i in range(2, len(CHARTS), 3))):
                with gr.Row(elem_classes="chart-row"):
                    for spec in row:
                        with gr.Column(elem_classes="sheet chart-panel", min_width=260):
                            plotly_chart(f"monitor-{spec.key}", spec.title, spec.note)
            with gr.Column(elem_classes="sheet"):
                gr.HTML("<h3>Log</h3>", padding=False)
                widget("log", "monitor-log", "")

    def choose(event: gr.EventData) -> tuple[Any, Any]:
        run_id = context.known(told(event, "id"))
        return ([run_id], {"run": run_id}) if run_id else (gr.skip(), gr.skip())

    def overlay(chosen: list[str], event: gr.EventData) -> Any:
        run_id = context.known(told(event, "id"))
        current = chosen or [run.id for run in context.store.runs()[:1]]
        if not run_id or run_id == current[0]:
            return gr.skip()
        others = [other for other in current if other != run_id]
        return [*others, run_id] if told(event, "shown") else others

    refresh: Refresh = (
        lambda chosen, axis_now: {"chosen": chosen, "axis": axis_now, "at": time.time()},  # asked for at once
        [page.chosen, axis],
        [news],
    )
    page.chosen.change(*refresh, **QUIET)
    axis.input(*refresh, **QUIET)
    news.input(
        lambda chosen, sent_now: actions.view(look(context, chosen), sent_now),
        [page.chosen, sent],
        actions.outputs,
        trigger_mode="always_last",  # a change that comes while one is answered is not to be lost
        **QUIET,
    )
    runs.select(choose, None, [page.chosen, page.link], **QUIET)
    runs.input(overlay, page.chosen, page.chosen, **QUIET)
    queue.connect(page, refresh)
    actions.connect(page, refresh, fill)
