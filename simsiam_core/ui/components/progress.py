"""What a tab shows while a worker works for it: how far it is, a button to cancel, and what went wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from simsiam_core.config import ConfigError
from simsiam_core.features.worker import Task
from simsiam_core.ui.context import QUIET
from simsiam_core.ui.text import problem, progress


@dataclass(frozen=True)
class Waiting:
    """The line of one panel. Its methods give updates for `outputs`, in that order."""

    row: gr.Row
    message: gr.HTML
    running: gr.State  # the task this page waits for
    trouble: gr.HTML
    cancel: gr.Button

    @property
    def outputs(self) -> list[Any]:
        """To be put among the outputs of an event."""
        return [self.row, self.message, self.running, self.trouble]

    def named(self, values: Sequence[Any]) -> dict[Any, Any]:
        """The updates that one of the other methods gives, by component."""
        return dict(zip(self.outputs, values, strict=True))

    def at(self, task: Task[Any] | None, fraction: float, text: str) -> list[Any]:
        """How far a task is."""
        return [gr.update(visible=True), progress(fraction, text), task, ""]

    def follow(self, task: Task[Any]) -> Iterator[list[Any]]:
        """The same, until the task is done."""
        for fraction, text in task.watch():
            yield self.at(task, fraction, text)

    def over(self) -> list[Any]:
        """Nothing is being done, and nothing is wrong."""
        return [gr.update(visible=False), "", None, ""]

    def failed(self, error: Exception | str) -> list[Any]:
        """Nothing is being done: a sentence says why."""
        sentences = [p.message for p in error.problems] if isinstance(error, ConfigError) else [str(error)]
        return [gr.update(visible=False), "", None, problem(" ".join(sentences))]

    def same(self) -> list[Any]:
        """All as it is."""
        return [gr.skip()] * 4


def waiting(prefix: str) -> Waiting:
    """The line, here; its Cancel ends what is running."""
    running = gr.State(None)
    with gr.Row(elem_classes="waiting", visible=False) as row:
        message = gr.HTML(elem_id=f"{prefix}-progress", padding=False)
        cancel = gr.Button("Cancel", size="sm", elem_id=f"{prefix}-cancel", min_width=90)
    cancel.click(_cancel, running, None, **QUIET)
    trouble = gr.HTML(elem_id=f"{prefix}-message", padding=False)
    return Waiting(row, message, running, trouble, cancel)


def _cancel(task: Task[Any] | None) -> None:
    if task is not None:
        task.cancel()
