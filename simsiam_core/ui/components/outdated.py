"""Whether what a panel shows still answers what its controls say: an answer that does not is dimmed, and says so.

A panel with the class `has-answer` dims what has the class `answer` in it as long as a note of this kind stands
there; with `waits` also as long as it waits for the next answer (assets/ui/dashboard.css).
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import gradio as gr

from simsiam_core.ui.context import LATEST


class Refused(gr.Error):
    """Ends a chain of events after its handler has said why in its place: what follows by `success` does not come."""

    def __init__(self) -> None:
        super().__init__("", visible=False, print_exception=False)


def note_box(elem_id: str) -> gr.HTML:
    """Where the note stands, above the answer."""
    return gr.HTML(elem_id=elem_id, padding=False)


def outdated(what: str, remedy: str) -> str:
    """The note, as HTML: what is shown still, and what brings what is asked for now."""
    return f'<p class="outdated">{html.escape(f"This is still {what}. {remedy}")}</p>'


def follow(checking: dict[str, Any], controls: Sequence[Any]) -> None:
    """Have an event that fills the note happen whenever one of the controls has changed, by hand or otherwise."""
    gr.on([control.change for control in controls], **checking, **LATEST)
