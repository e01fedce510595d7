"""Choosing a network: a run and one of its checkpoints, on every tab that looks inside one."""

from __future__ import annotations

from typing import Any

import gradio as gr

from simsiam_core.runs import RunDirectory
from simsiam_core.ui.context import Context
from simsiam_core.ui.words import run_name

NO_RUNS = "No run has a checkpoint yet. Start one on the Train tab; the first checkpoint comes at once."


def pickers(prefix: str) -> tuple[gr.Dropdown, gr.Dropdown]:
    """A box for the run and one for its checkpoint."""
    # What is chosen is checked against the disk; gradio would check against a page's old choices.
    run = gr.Dropdown(label="Run", allow_custom_value=True, elem_id=f"{prefix}-run")
    return run, gr.Dropdown(label="Checkpoint", allow_custom_value=True, elem_id=f"{prefix}-checkpoint")


def choices(context: Context, chosen: list[str], name: str | None) -> tuple[Any, Any, RunDirectory | None]:
    """Updates of both boxes for the current run, or the newest; and that run, None where there is none."""
    runs = [run for run in context.store.runs() if run.checkpoints()]
    if not runs:
        return gr.update(choices=[], value=None), gr.update(choices=[], value=None), None
    run = next((run for run in runs if chosen and run.id == chosen[0]), runs[0])
    names = [(run_name(r.id), r.id) for r in runs]
    return gr.update(choices=names, value=run.id), checkpoint_choices(run, name), run


def checkpoint_choices(run: RunDirectory, name: str | None) -> Any:
    """The checkpoints of a run, the newest first; `name` stays chosen if it is among them."""
    names = [checkpoint.name for checkpoint in reversed(run.checkpoints())]
    shown = [(checkpoint_name(n), n) for n in names]
    return gr.update(choices=shown, value=name if name in names else (names[0] if names else None))


def checkpoint_name(name: str) -> str:
    """`epoch 10`, `last`."""
    return f"epoch {int(name.removeprefix('epoch='))}" if name.startswith("epoch=") else name
