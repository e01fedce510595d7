"""Several controls as one input of events.

For each input of an event, gradio's client looks the component up, from the top of the page down, copies its values,
and updates it as the answer begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

from simsiam_core.ui.context import QUIET


def gathered(controls: Sequence[Any], elem_id: str) -> gr.JSON:
    """Return a component with the controls' values in their order, which the browser alone keeps up to date.

    Its `change` comes when one of them was changed, by hand or otherwise. What follows the `input` or `release` of a
    control is to be connected afterwards, so that it is given the new value.
    """
    held = gr.JSON([control.value for control in controls], visible=False, elem_id=elem_id)
    events = [event for control in controls for event in (control.input, control.change)]
    gr.on(events, None, list(controls), held, js="(...values) => [values]", **QUIET)
    return held
