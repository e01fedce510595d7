"""Welcome: where do I begin?"""

from __future__ import annotations

from typing import Any

import gradio as gr

from simsiam_core.config import parse, preset
from simsiam_core.jobs import enqueue
from simsiam_core.ui.components.widget import event_value, widget
from simsiam_core.ui.context import QUIET, Context, Page
from simsiam_core.ui.live.updates import News, Part, updates_widget
from simsiam_core.ui.welcome.doors import bundled, doors

QUICK = "quick"  # the preset of the third door


def build(context: Context, page: Page, _tab: gr.Tab) -> None:
    """Three doors, until the person has found one; the browser remembers whether they are shown at the start."""
    shown = widget("welcome/doors", "welcome-doors", doors(context))
    updates_widget("welcome-updates", lambda _: _news(context))
    trouble = gr.HTML(elem_id="welcome-message", padding=False)

    def enter(event: gr.EventData) -> dict[Any, Any]:
        door = str(event_value(event, "door"))
        if door == "look":
            network = bundled(context)
            return {
                page.network: network or gr.skip(),
                page.link: {**(network.address() if network else {}), "page": "look"},
            }
        if door == "train":
            return {page.link: {"page": "train"}}
        runs, refused = context.attempt(lambda: enqueue(context.store, [parse(preset(QUICK).values)]))
        if not runs:
            return {trouble: refused}
        return {page.chosen: [runs[0].id], page.link: {"page": "runs", "runs": runs[0].id}, trouble: ""}

    shown.select(enter, None, [page.network, page.chosen, page.link, trouble], **QUIET)


def _news(context: Context) -> News:
    """What opens or shuts by itself: the network of the first door is unpacked as the dashboard starts."""
    found = doors(context)
    return News([Part("welcome-doors", found, lambda: found)])
