"""The page's own components: a script from assets/ui behind `gr.HTML`, values in as JSON, events out.

They are made by functions and not by subclasses because gradio writes a `.pyi` file next to every
subclass of a component.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from simsiam_core.ui.components.scripts import script


def widget(name: str, elem_id: str, value: Any = None, **options: Any) -> gr.HTML:
    """A component drawn by `assets/ui/<name>.js` into an empty div that no update ever replaces.

    The script finds `element`, `props.value`, `watch`, `trigger` and `upload`; text reaches the page
    through `textContent` alone, so nothing a folder or a file is called can become markup.
    """
    return gr.HTML(
        value,
        elem_id=elem_id,
        html_template=f'<div class="{name.rpartition("/")[2]}"></div>',
        js_on_load=script(name),
        apply_default_css=False,
        **options,
    )


def event_value(event: gr.EventData, name: str) -> Any:
    """What a script sent along with an event; None where it did not, since anybody may call the endpoint."""
    return event._data.get(name) if isinstance(event._data, dict) else None
