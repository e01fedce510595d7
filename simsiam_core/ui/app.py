"""The page: tabs, each answering one question, and the address that opens where it says."""

from __future__ import annotations

import base64
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from simsiam_core.assets import asset_path
from simsiam_core.ui import (
    diagnose_tab,
    evaluate_tab,
    map_tab,
    monitor_tab,
    neighbours_tab,
    notices,
    runs_tab,
    train_tab,
)
from simsiam_core.ui.context import QUIET, Context, Page, link
from simsiam_core.ui.hosts import HostCheck, Hosts
from simsiam_core.ui.theme import theme

TABS = ("train", "monitor", "runs", "neighbours", "map", "diagnose", "evaluate")
# gradio looks into its queue a thousand times a second, which takes a tenth of a core while nobody does anything;
# this is what it does on Windows.
QUEUE_LOOK_SECONDS = 0.05
MAX_UPLOAD = "500mb"  # a zip of images; single images are held to less where they are taken


def build(context: Context) -> gr.Blocks:
    """The whole page over one folder of runs."""
    with gr.Blocks(title="SimSiam", analytics_enabled=False, elem_id="page") as page:
        gr.HTML(_header(), padding=False, elem_id="page-header")
        chosen = gr.State([])
        query = gr.State(None)
        address = link()
        with gr.Tabs(elem_id="tabs") as tabs:
            shared = Page(page, tabs, chosen, address, query)
            with gr.Tab("Train", id="train", elem_id="tab-train") as train:
                fill_form = train_tab.build(context, shared)
            with gr.Tab("Monitor", id="monitor", elem_id="tab-monitor") as monitor:
                monitor_tab.build(context, shared, fill_form)
            with gr.Tab("Runs", id="runs", elem_id="tab-runs") as runs:
                runs_tab.build(context, shared, runs, fill_form)
            with gr.Tab("Neighbours", id="neighbours", elem_id="tab-neighbours") as neighbours:
                neighbours_tab.build(context, shared, neighbours)
            with gr.Tab("Map", id="map", elem_id="tab-map") as map_:
                map_tab.build(context, shared, map_)
            with gr.Tab("Check data", id="diagnose", elem_id="tab-diagnose") as diagnose:
                diagnose_tab.build(context, shared, diagnose)
            with gr.Tab("Evaluate", id="evaluate", elem_id="tab-evaluate") as evaluate:
                evaluate_tab.build(context, shared, evaluate)

        notices.build(context)
        shown = (train, monitor, runs, neighbours, map_, diagnose, evaluate)
        for tab, name in zip(shown, TABS, strict=True):
            tab.select(lambda name=name: {"tab": name}, None, address, **QUIET)

        def open_where_it_says(request: gr.Request) -> tuple[Any, Any]:
            wanted = dict(request.query_params)
            glance = context.glances.look()
            known = [run.id for run in glance.runs if run.id == wanted.get("run")]
            known = known or [run_id for run_id, s in glance.statuses.items() if s.state == "running"][:1]
            tab = wanted.get("tab")
            return known, gr.Tabs(selected=tab) if tab in TABS else gr.skip()

        page.load(open_where_it_says, None, [chosen, tabs], **QUIET)
    page.queue()
    page._queue.sleep_when_free = QUEUE_LOOK_SECONDS
    return page


def launch_options(hosts: Hosts | None = None) -> dict[str, Any]:
    """What `Blocks.launch` needs for this page: its look, the names it answers to, nothing that leaves this machine."""
    return {
        "app_kwargs": {"middleware": [Middleware(HostCheck, hosts=hosts or Hosts())]},
        "theme": theme(),
        "css_paths": sorted(asset_path("css").glob("*.css")),
        "favicon_path": asset_path("logo.svg"),
        "head": _icon(),
        "footer_links": [],
        "max_file_size": MAX_UPLOAD,
        "share": False,
        "ssr_mode": False,
        "mcp_server": False,
        "pwa": False,
        "strict_cors": True,
        "run_history": False,
        "enable_monitoring": False,
        "show_error": True,
    }


def _icon() -> str:
    """The logo in the page itself: the `/favicon.ico` that a browser asks for is not ours behind a proxy's prefix."""
    logo = base64.b64encode(asset_path("logo.svg").read_bytes()).decode()
    return f'<link rel="icon" href="data:image/svg+xml;base64,{logo}">'


def _header() -> str:
    logo = asset_path("logo.svg").read_text(encoding="utf-8")
    return (
        f'<header class="page-header">{logo}<h1>SimSiam</h1>'
        "<p>Train a network on images without labels, watch it learn, and look inside.</p></header>"
    )
