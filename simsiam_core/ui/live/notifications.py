"""What a page says by itself, on whatever tab it is: toasts when a run ends, and the browser's title."""

from __future__ import annotations

from typing import Any

import gradio as gr

from simsiam_core.ui.components.widget import event_value, widget
from simsiam_core.ui.context import QUIET, Context
from simsiam_core.ui.text import run_name

GOOD = ("finished", "paused", "stopped")


def build(context: Context) -> None:
    """Invisible, at the foot of the page, and at work on every tab."""

    def notices(_: Any) -> dict[str, Any]:
        newest = max((event.number for event in context.notifier.events), default=0)
        return {"title": _title(context), "newest": newest}

    def tell(event: gr.EventData) -> None:
        told_before, newest = event_value(event, "told"), event_value(event, "newest")
        if not (isinstance(told_before, int) and isinstance(newest, int)):
            return
        for happened in list(context.notifier.events):
            if told_before < happened.number <= newest:
                say = gr.Info if happened.kind in GOOD else gr.Warning
                say(f"{run_name(happened.run)} {happened.text}")

    widget("live/title", "page-title", visible="hidden", server_functions=[notices]).input(
        tell, None, None, **QUIET
    )


def _title(context: Context) -> str:
    scheduler = context.scheduler
    running = scheduler.running() if scheduler else []
    if not running:
        return "SimSiam"
    run_id, status = running[0]
    more = f" and {len(running) - 1} more" if len(running) > 1 else ""
    return f"{status.progress:.0%} {run_name(run_id)}{more} · SimSiam"
