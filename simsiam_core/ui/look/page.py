"""Look: what does it think is alike, and what has it learned to separate?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import gradio as gr

from simsiam_core.ui.components.latest import ASKING
from simsiam_core.ui.components.outdated import follow
from simsiam_core.ui.components.question import Query, query_by_id, query_by_region
from simsiam_core.ui.context import LATEST, QUIET, Context, Page
from simsiam_core.ui.context_bar.network import ChosenNetwork
from simsiam_core.ui.look.answering import Answered, AnswerPanel
from simsiam_core.ui.look.comparison import Comparison
from simsiam_core.ui.look.drawing import MapPanel
from simsiam_core.ui.look.drawn_map import Drawn
from simsiam_core.ui.look.offer import Offer
from simsiam_core.ui.look.selection import Chosen
from simsiam_core.ui.look.sources import Sources
from simsiam_core.ui.look.timeline import Timeline
from simsiam_core.ui.look.zip_upload import OwnZip


def build(context: Context, page: Page, tab: gr.Tab) -> None:
    """The page: the question and its answer on the left, the map and what is chosen on it on the right."""
    LookPage(context, page).wire(tab)


class LookPage:
    """The panels, and what happens between them."""

    def __init__(self, context: Context, page: Page) -> None:
        self._page = page
        self._opened = gr.State(False)  # whether the person has been here: nothing is computed before
        self._update = gr.Button("Update", elem_id="look-update", variant="primary", visible=False)
        with gr.Row(elem_classes="look-layout", equal_height=False):
            with gr.Column(min_width=280):
                self.sources = Sources(context, page)
                self.answer = AnswerPanel(context, page)
                self.sources.grid()
                self._zip = OwnZip(context)
            with gr.Column(min_width=320):
                self.map = MapPanel(context)
                self._offer = Offer()
                with gr.Column(elem_classes="sheet"):
                    self._chosen = Chosen(context)
                with gr.Accordion("Through training", open=False, elem_id="look-training"):
                    self._timeline = Timeline(context)
                with gr.Accordion("Beside other networks", open=False, elem_id="look-beside"):
                    self._comparison = Comparison(context)

    def wire(self, tab: gr.Tab) -> None:
        """Connect the panels."""
        network, drawn, chart = self._page.network, self.map.drawn, self.map.chart
        self.answer.wire(network, self.map)
        asking = self.answer.asking
        self.map.wire(network)
        self.sources.wire(asking)
        self._zip.wire(self._page, self.answer.note, asking)
        self._chosen.wire(drawn, chart)
        self._timeline.wire(self.map, network, asking)
        self._comparison.wire(self.map, self.answer)
        self._wire_questions(asking)
        self._wire_checks(asking)
        self._wire_opening(tab)

    def _wire_questions(self, asking: dict[str, Any]) -> None:
        """Whatever image is clicked becomes the question; a point of the map does not take an uploaded one's place."""
        query, comparison = self._page.query, self._comparison
        self.answer.asked.select(query_by_region, query, query, **ASKING).then(**asking, **ASKING)
        for images in (self.answer.found, self._chosen.gallery, comparison.answers, comparison.movers):
            images.click(query_by_id, None, query, **ASKING).then(**asking, **ASKING)
        self._offer.wire(query, (self.map.chart, self.map.beside), asking)

    def _wire_checks(self, asking: dict[str, Any]) -> None:
        """Say so whenever what is shown is not what the bar and the form stand for; Update brings that."""
        network, drawn, answered = self._page.network, self.map.drawn, self.answer.answered
        self._checking: dict[str, Any] = {
            "fn": self._check,
            "inputs": [network, drawn, answered, self.map.settings],
            "outputs": [self.map.note, self.answer.note, self._update],
        }
        follow(self._checking, [network, drawn, answered, self.map.settings])
        for drawing in (self.map.drawn_anew, self._timeline.drawn):
            drawing.then(**self.map.colours.painting, **QUIET)
        self._update.click(**asking, **ASKING)
        self._update.click(**self.map.drawing, **ASKING).then(**self.map.colours.painting, **QUIET)

    def _check(
        self,
        network: ChosenNetwork | None,
        drawn: Drawn | None,
        answered: Answered | None,
        values: Sequence[Any],
    ) -> list[Any]:
        notes = [
            self.map.outdated(network, drawn, values),
            self.answer.outdated(network, answered, drawn),
        ]
        stale = any("Press Update" in note for note in notes)
        return [*notes, gr.update(visible=stale)]

    def _wire_opening(self, tab: gr.Tab) -> None:
        """What happens when the page is opened, by hand or by the address, and when the network changes."""
        page, network = self._page, self._page.network
        came = tab.select(lambda: True, None, self._opened, **QUIET)
        map_inputs = [self.map.latest, network, self.map.drawn, *self.map.drawing["inputs"][2:]]
        answer_inputs = [self.answer.answered, *self.answer.asking["inputs"]]
        browsing = self.sources.browsing
        for event in (came.then, network.change):
            event(self._if_opened(self.map.begin), [self._opened, *map_inputs], self.map.outputs, **ASKING)
            event(
                self._if_opened(self.answer.begin),
                [self._opened, *answer_inputs],
                self.answer.asking["outputs"],
                **ASKING,
            )
            event(
                self._if_opened(browsing["fn"]),
                [self._opened, *browsing["inputs"]],
                browsing["outputs"],
                **QUIET,
            )
            others = self._comparison.others
            event(self._comparison.offer, [network, others], others, **LATEST)
        page.restore(_asked_in, [], [page.query]).then(
            self._if_opened(self.answer.begin),
            [self._opened, *answer_inputs],
            self.answer.asking["outputs"],
            **ASKING,
        )

    def _if_opened(self, begin: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        """The same, but nothing as long as nobody has opened the page."""

        def began(opened: bool, *given: Any) -> Iterator[Any]:
            if opened:
                yield from begin(*given)
            else:
                yield gr.skip()

        return began


def _asked_in(address: Mapping[str, str]) -> Any:
    """The question that an address names; the worker answers an id that is not in the data with a sentence."""
    return Query(id=address["image"]) if address.get("image") else gr.skip()
