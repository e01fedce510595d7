"""Runs: how is it going, and what have I tried?"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import gradio as gr

from simsiam_core.ui.addresses import runs_in
from simsiam_core.ui.components.chart import plotly_chart
from simsiam_core.ui.components.table import table
from simsiam_core.ui.components.widget import event_value, widget
from simsiam_core.ui.context import LATEST, QUIET, ChangeTracker, Context, Page, Refresh
from simsiam_core.ui.live.updates import Aim, News, run_ids, updates_widget
from simsiam_core.ui.runs.about import AboutPanel
from simsiam_core.ui.runs.actions import Actions
from simsiam_core.ui.runs.bulk import BulkPanel
from simsiam_core.ui.runs.charts import CHARTS
from simsiam_core.ui.runs.disk import DiskPanel
from simsiam_core.ui.runs.import_network import ImportPanel
from simsiam_core.ui.runs.listing import LIST, listing
from simsiam_core.ui.runs.parts import RunsView, look
from simsiam_core.ui.runs.queue import QueuePanel
from simsiam_core.ui.runs.view import chart_view, compare_view, list_view
from simsiam_core.ui.text import problem

READING = {"rows": [], "empty": "Reading the runs …"}
IN_ADDRESS = 40  # ticked runs: an address has its limits


def build(context: Context, page: Page, tab: gr.Tab) -> None:
    """The page: queue and runs on the left; what the chosen ones do on the right."""
    view, actions = RunsView(context), Actions(context)
    with gr.Row(elem_classes="runs-page", equal_height=False):
        with gr.Column(scale=3, min_width=280, elem_classes="runs-side"):
            queue, listed, bulk = _side(context, view)
            # Here, since without runs the rest of the page is hidden, and what is hidden does not ask.
            news = _news(context, view, actions, queue)
        with gr.Column(scale=9, min_width=320, elem_classes="runs-main"):
            missing = _heading(actions)
            _charts()
            about, disk = _current(context, view)
            _comparison()
        with gr.Column(elem_classes="sheet runs-import"):
            imports = ImportPanel(context)
    number = gr.State(0)  # of the person's choices, that of the last one which has come here
    refresh: Refresh = (_value, [page.chosen, number, actions.at], [news])
    _connect(context, page, news, listed, number, refresh)
    _say_what_is_missing(context, page, missing, news)
    _follow(context, page, news, actions, refresh)
    queue.connect(refresh)
    actions.connect(page, refresh, page.fill)
    bulk.connect(page, refresh)
    about.connect(refresh)
    disk.connect(actions.at)
    imports.wire(page, tab)


def _value(chosen: list[str], number: int, acts: str | None) -> dict[str, Any]:
    """What the page's script is told of its choice; the time has it look at once."""
    return {"chosen": chosen, "number": number, "acts": acts, "at": time.time()}


def _side(context: Context, view: RunsView) -> tuple[QueuePanel, gr.HTML, BulkPanel]:
    """The queue, and the list of runs."""

    def matching(asked: Any) -> list[str]:
        """The ids of the runs that pass a filter, for all of them to be ticked."""
        wanted = list_view(asked if isinstance(asked, dict) else {})
        return listing(view.index, context.snapshots.look(), wanted).ids

    with gr.Column(elem_classes="sheet runs-queue"):
        gr.HTML("<h3>Queue</h3>", padding=False)
        queue = QueuePanel(context)
    with gr.Column(elem_classes="sheet"):
        gr.HTML("<h3>Runs</h3>", padding=False)
        listed = widget("runs/list", LIST, READING, server_functions=[matching])
        bulk = BulkPanel(context, view.index)
    return queue, listed, bulk


def _news(context: Context, view: RunsView, actions: Actions, queue: QueuePanel) -> gr.HTML:
    """What asks for all that is new on the page."""

    def parts(aim: Aim) -> News:
        seen = look(context, aim.chosen)
        charts, beside, listed = chart_view(aim.settings), compare_view(aim.settings), list_view(aim.settings)
        snapshot = seen.snapshot
        of_chosen = snapshot.once(
            ("chosen", charts, beside, *seen.ids), lambda: view.parts(seen, charts, beside)
        )
        of_list = snapshot.once(("list", listed), lambda: view.list_parts(seen, listed))
        waiting = snapshot.once("queue", lambda: [queue.part(seen)])
        return News([*of_list, *waiting, *of_chosen], actions.depends(seen), seen.ids)

    return updates_widget("monitor-news", parts, chooses=True)


def _heading(actions: Actions) -> gr.HTML:
    """The run that is looked at, and what can be done with it; returns where it stands which runs are not here."""
    with gr.Row(elem_classes="sheet monitor-head", equal_height=False):
        with gr.Column(scale=8, min_width=260):
            missing = gr.HTML(elem_id="runs-missing", padding=False)
            widget("runs/head", "monitor-head", "", padding=False)
            actions.message()
        with gr.Column(scale=2, min_width=120, elem_classes="monitor-buttons acts-on-run"):
            actions.buttons()
    actions.more()
    return missing


def _charts() -> None:
    with gr.Column(elem_classes="sheet chart-bar"):
        widget("runs/drawing", "runs-legend", {"rows": []})
    with gr.Row(elem_classes="runs-charts"):
        for spec in CHARTS:
            with gr.Column(elem_classes="sheet chart-panel", min_width=260):
                plotly_chart(f"monitor-{spec.key}", spec.title, spec.note)


def _current(context: Context, view: RunsView) -> tuple[AboutPanel, DiskPanel]:
    """What is written about the run that is looked at, what it takes, and its log."""
    with gr.Row(elem_classes="runs-charts"):
        with gr.Column(elem_classes="sheet"):
            gr.HTML("<h3>Notes</h3>", padding=False)
            about = AboutPanel(context, view.index)
        with gr.Column(elem_classes="sheet"):
            disk = DiskPanel(context)
    with gr.Column(elem_classes="sheet"):
        gr.HTML("<h3>Log</h3>", padding=False)
        widget("runs/log", "monitor-log", "")
    return about, disk


def _comparison() -> None:
    """The ticked runs beside one another."""
    with gr.Column(elem_classes="sheet"):
        gr.HTML("<h3>Compare</h3>", padding=False)
        widget("runs/compare", "runs-compare", {"runs": 0})
    with gr.Row(elem_classes="chart-row runs-compared"):
        with gr.Column(elem_classes="sheet chart-panel"):
            plotly_chart("runs-scatter", "Setting against result")
        with gr.Column(elem_classes="sheet chart-panel"):
            plotly_chart("runs-parallel", "Every setting that differs", "drag on an axis to filter")
    with gr.Column(elem_classes="sheet runs-compared"):
        gr.HTML("<h3>What differs in their settings</h3>", padding=False)
        table("runs-difference")


def _connect(
    context: Context, page: Page, news: gr.HTML, listed: gr.HTML, number: gr.State, refresh: Refresh
) -> None:
    """What a person chooses is the page's, and in its address."""

    def choose(number_now: int, event: gr.EventData) -> tuple[list[str], dict[str, Any], int]:
        there = context.snapshots.look().by_id
        ids = [run_id for run_id in run_ids(event_value(event, "chosen")) if run_id in there]
        said, made = event_value(event, "number"), event_value(event, "replace") is not True
        link = {"runs": ",".join(ids[:IN_ADDRESS]) or None, "replace": not made}
        return ids, link, said if isinstance(said, int) else number_now

    def keep_filter(event: gr.EventData) -> dict[str, Any]:
        said = {name: event_value(event, name) for name in ("filter", "sort", "group")}
        kept = {name: value if isinstance(value, str) and value else None for name, value in said.items()}
        return {**kept, "down": "1" if event_value(event, "down") is True else None}

    page.chosen.change(*refresh, **QUIET)
    news.select(choose, number, [page.chosen, page.link, number], **LATEST)
    listed.input(keep_filter, None, page.link, **LATEST)


def _say_what_is_missing(context: Context, page: Page, missing: gr.HTML, news: gr.HTML) -> None:
    """Name the runs of the address that are not here, until the person chooses others."""

    def said(address: Mapping[str, str]) -> str:
        named, there = runs_in(address), context.snapshots.look().by_id
        gone = [f"“{run_id}”" for run_id in named if run_id not in there]
        if not gone:
            return ""
        instead = " This is another run." if len(gone) == len(named) else ""
        return problem(f"Not here: {', '.join(gone)}; deleted or renamed, perhaps.{instead}")

    def chosen(event: gr.EventData) -> Any:
        return gr.skip() if event_value(event, "replace") is True else ""

    page.restore(said, [], [missing])
    news.select(chosen, None, missing, **QUIET)


def _follow(context: Context, page: Page, news: gr.HTML, actions: Actions, refresh: Refresh) -> None:
    """The buttons follow the state of the run that is looked at, as the news tell that it has changed."""
    sent = gr.State(ChangeTracker)
    news.input(
        lambda chosen, sent_now: actions.view(look(context, chosen), sent_now),
        [page.chosen, sent],
        actions.outputs,
        trigger_mode="always_last",  # a change that comes while one is answered is not to be lost
        **QUIET,
    ).then(*refresh, **QUIET)
