"""What a page says by itself, on whatever tab it is: toasts when a run ends, and the browser's title."""

from __future__ import annotations

from typing import Any

import gradio as gr

from simsiam_core.ui.context import QUIET, Context, Sent
from simsiam_core.ui.widgets import widget
from simsiam_core.ui.words import run_name

EVERY_SECONDS = 2.0
GOOD = ("finished", "paused", "stopped")


def build(context: Context, page: gr.Blocks) -> None:
    """Invisible, at the foot of the page; its clock ticks on every tab."""
    title = widget("title", "page-title", visible="hidden")
    told = gr.State(None)  # the number of the last event that this page was told
    sent = gr.State(Sent)
    clock = gr.Timer(EVERY_SECONDS)

    def tick(told_now: int | None, sent_now: Sent) -> tuple[Any, Any]:
        events = list(context.notifier.events)
        newest = events[-1].number if events else 0
        for event in events if told_now is not None else []:
            if event.number > (told_now or 0):
                say = gr.Info if event.kind in GOOD else gr.Warning
                say(f"{run_name(event.run)} {event.text}")
        text = _title(context)
        number = gr.skip() if newest == told_now else newest
        return number, sent_now.update("title", text, text)

    clock.tick(tick, [told, sent], [told, title], **QUIET)
    page.load(tick, [told, sent], [told, title], **QUIET)


def _title(context: Context) -> str:
    scheduler = context.scheduler
    running = scheduler.running() if scheduler else []
    if not running:
        return "SimSiam"
    run_id, status = running[0]
    more = f" and {len(running) - 1} more" if len(running) > 1 else ""
    return f"{status.progress:.0%} {run_name(run_id)}{more} · SimSiam"
