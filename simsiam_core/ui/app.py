"""The pages, each answering one question, under one bar; a new page is one folder and one line here."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from simsiam_core.assets import asset_path
from simsiam_core.ui import endpoints
from simsiam_core.ui.addresses import PageNames, runs_in
from simsiam_core.ui.blocks import PageBlocks, keep_signatures, put_states_first
from simsiam_core.ui.check import page as check_page
from simsiam_core.ui.components.widget import widget
from simsiam_core.ui.context import Context, Page, link
from simsiam_core.ui.context_bar.bar import ContextBar
from simsiam_core.ui.evaluate import page as evaluate_page
from simsiam_core.ui.hosts import HostCheck, Hosts
from simsiam_core.ui.live import notifications
from simsiam_core.ui.look import page as look_page
from simsiam_core.ui.plain_config import PlainConfig
from simsiam_core.ui.runs import page as runs_page
from simsiam_core.ui.theme import theme
from simsiam_core.ui.train import page as train_page
from simsiam_core.ui.welcome import page as welcome_page


@dataclass(frozen=True)
class PageSpec:
    """A page: its name in the address, the title of its tab, what builds it, whether the bar stands above it."""

    id: str
    title: str
    build: Callable[[Context, Page, gr.Tab], None]
    key: str = ""  # opens it after "g"
    inside: bool = False
    earlier: tuple[str, ...] = ()  # names in addresses of earlier versions


PAGES = (
    PageSpec("welcome", "Welcome", welcome_page.build, "w"),
    PageSpec("train", "Train", train_page.build, "t"),
    PageSpec("runs", "Runs", runs_page.build, "r", earlier=("monitor",)),
    PageSpec("look", "Look", look_page.build, "l", inside=True, earlier=("neighbours", "map")),
    PageSpec("check", "Check data", check_page.build, "c", inside=True, earlier=("diagnose",)),
    PageSpec("evaluate", "Evaluate", evaluate_page.build, "e", inside=True),
)
START = "train"  # where one begins who has seen Welcome
# gradio looks into its queue a thousand times a second, which takes a tenth of a core while nobody does anything;
# this is what it does on Windows.
QUEUE_LOOK_SECONDS = 0.05
MAX_UPLOAD = "500mb"  # a zip of images; single images are held to less where they are taken


def build(context: Context) -> PageBlocks:
    """The whole page over one folder of runs."""
    with PageBlocks(title="SimSiam", analytics_enabled=False, elem_id="page") as blocks:
        gr.HTML(_header(), padding=False, elem_id="page-header")
        widget("components/connection", "page-connection", padding=False)
        widget("components/keyboard", "page-keyboard", padding=False, pages=_keys())
        page = Page(blocks, gr.State([]), link(_names(), START), gr.State(None), gr.State(None))
        bar = ContextBar(context, page)
        with gr.Tabs(elem_id="tabs", overflow_behavior="wrap") as page.tabs:
            tabs = {spec.id: _tab(context, page, spec) for spec in PAGES}
        bar.wire([tabs[spec.id] for spec in PAGES if spec.inside])
        notifications.build(context)
        endpoints.build(context)
        page.restore(lambda address: _chosen(context, address), [], [page.chosen])
        put_states_first(blocks)
        keep_signatures(blocks)
    blocks.queue()
    blocks._queue.sleep_when_free = QUEUE_LOOK_SECONDS
    return blocks


def _tab(context: Context, page: Page, spec: PageSpec) -> gr.Tab:
    with gr.Tab(spec.title, id=spec.id, elem_id=f"tab-{spec.id}") as tab:
        # A heading for those who do not see which tab is chosen; those of its panels are below it.
        gr.HTML(f"<h2>{spec.title}</h2>", padding=False, elem_classes="page-title")
        spec.build(context, page, tab)
    return tab


def _names() -> dict[str, Any]:
    """What each name in an address means, for the browser, which opens the page."""
    return {
        name: {"id": spec.id, "inside": spec.inside} for spec in PAGES for name in (spec.id, *spec.earlier)
    }


def _keys() -> list[dict[str, str]]:
    return [{"id": spec.id, "title": spec.title, "key": spec.key} for spec in PAGES if spec.key]


def _chosen(context: Context, address: Mapping[str, str]) -> list[str]:
    """The runs on the charts: those that the address names, or else the one that trains.

    The page Runs says which of those named are not here.
    """
    snapshot = context.snapshots.look()
    chosen = [run_id for run_id in runs_in(address) if run_id in snapshot.by_id]
    return chosen or snapshot.running[:1]


def launch_options(hosts: Hosts | None = None) -> dict[str, Any]:
    """What `Blocks.launch` needs for this page: its look, the names it answers to, nothing that leaves this machine."""
    return {
        "app_kwargs": {
            "middleware": [
                Middleware(HostCheck, hosts=hosts or Hosts()),
                Middleware(PageNames),
                Middleware(PlainConfig),
            ]
        },
        "theme": theme(),
        "css_paths": sorted(asset_path("ui").rglob("*.css")),
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
        '<a class="skip-link" href="#tabs">Skip to the page</a>'
        f'<header class="page-header">{logo}<h1>SimSiam</h1>'
        "<p>Train a network on images without labels, watch it learn, and look inside.</p></header>"
    )
