"""The queue on the page: what runs and waits and why, and its order, by dragging or by buttons."""

from __future__ import annotations

import gradio as gr

from simsiam_core.jobs import stop
from simsiam_core.runs import RunError
from simsiam_core.ui.components.latest import ASKING
from simsiam_core.ui.components.widget import event_value, widget
from simsiam_core.ui.context import LATEST, QUIET, Context, Refresh
from simsiam_core.ui.live.updates import Part
from simsiam_core.ui.runs.parts import Look
from simsiam_core.ui.text import run_name

EMPTY = "Nothing runs or waits."


class QueuePanel:
    """The list and what can be done with it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._list = widget("runs/queue", "monitor-queue", {"rows": [], "empty": "Reading the queue …"})
        self._trouble = gr.HTML(elem_id="monitor-queue-message", padding=False)

    def part(self, seen: Look) -> Part:
        """What the list shows."""
        rows = [
            {
                "id": entry.run.id,
                "name": run_name(entry.run.id),
                "state": entry.status.state,
                "reason": entry.reason,
                "group": seen.snapshot.groups[entry.run.id],
                "movable": self._context.scheduler is not None,
            }
            for entry in seen.snapshot.queue
        ]
        return Part("monitor-queue", rows, lambda: {"rows": rows, "empty": EMPTY})

    def connect(self, refresh: Refresh) -> None:
        """What dragging and the buttons do."""
        self._list.input(self._reorder, None, self._trouble, **LATEST).then(*refresh, **QUIET)
        self._list.click(self._take_out, None, self._trouble, **ASKING).then(*refresh, **QUIET)

    def _reorder(self, event: gr.EventData) -> str:
        def act() -> None:
            assert self._context.scheduler is not None
            to = (
                event_value(event, "to")
                if isinstance(event_value(event, "to"), int)
                else str(event_value(event, "to"))
            )
            self._context.scheduler.queue.move(str(event_value(event, "id")), to)

        return self._context.attempt(act)[1]

    def _take_out(self, event: gr.EventData) -> str:
        def act() -> None:
            run = self._context.store.get(str(event_value(event, "id")))
            if run.status().state == "running":
                raise RunError(f"Run {run.id} has started meanwhile; use Stop.")
            stop(run)

        return self._context.attempt(act)[1]
