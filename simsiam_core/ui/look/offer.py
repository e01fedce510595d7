"""A point of the map is clicked while an uploaded image is asked about: it is offered, and takes no place by itself."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr

from simsiam_core.ui.components.latest import ASKING
from simsiam_core.ui.components.outdated import Refused
from simsiam_core.ui.components.question import Query, query_by_id


class Offer:
    """The line below the map."""

    def __init__(self) -> None:
        self._offered = gr.State(None)  # a Query
        with gr.Row(visible=False, elem_classes="look-offer", equal_height=False) as self._row:
            self._sentence = gr.HTML(elem_id="map-offer", padding=False)
            self._button = gr.Button("Ask about this point", size="sm", elem_id="map-ask", min_width=150)

    def wire(self, query: gr.State, maps: Sequence[gr.HTML], asking: dict[str, Any]) -> None:
        """A click on one of the maps asks, or offers to."""
        outputs = [query, self._offered, self._row, self._sentence]
        for chart in maps:
            chart.click(self._clicked, query, outputs, **ASKING).success(**asking, **ASKING)
        self._button.click(
            lambda offered: (offered, gr.update(visible=False)), self._offered, [query, self._row], **ASKING
        ).then(**asking, **ASKING)

    def _clicked(self, now: Query | None, event: gr.EventData) -> Iterator[list[Any]]:
        point = query_by_id(event)
        if now is None or now.file is None:
            yield [point, None, gr.update(visible=False), ""]
            return
        sentence = f"You clicked {point.id}. The question is still {now.title[:1].lower()}{now.title[1:]}."
        yield [gr.skip(), point, gr.update(visible=True), f"<p>{html.escape(sentence)}</p>"]
        raise Refused
