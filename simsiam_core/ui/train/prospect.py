"""What the run will be, beside the form: derived values, the network's size, time and memory, and the views."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from simsiam_core.config import Config, ConfigError, parse
from simsiam_core.data.sources import SOURCES
from simsiam_core.ui.components.form import Problems
from simsiam_core.ui.components.widget import widget
from simsiam_core.ui.context import LATEST, QUIET, Context
from simsiam_core.ui.train.estimate import Expectation, expectation
from simsiam_core.ui.train.settings import Held, SettingsPanel
from simsiam_core.ui.train.summary import summary
from simsiam_core.ui.train.views import NOT_HERE, previews

# Beside a form that is refused: figures and views of the settings before would pass for those of these.
NOT_AS_IT_IS = (
    '<p class="stamp">Nothing can be said of this run while a setting is refused; see the marked fields.</p>'
)
NO_VIEWS = {"images": [], "note": "The views come back when no setting is refused."}


class Prospect:
    """The two panels. `figures` holds time and memory in short, for the label of Start."""

    def __init__(self, context: Context, settings: SettingsPanel) -> None:
        self._context, self._settings = context, settings
        self.figures = gr.State("")
        self._opened = gr.State(False)  # whether anybody looks: steps that are timed hold up other pages
        self._expected_at = gr.State(None)  # when the form was filled in that the figures are for
        self._draw = gr.State(0)  # which random views are shown
        self._refused = gr.State({})  # what the worker found wrong with the network it was last asked about

    def render_meaning(self) -> None:
        """Place the derived values."""
        self._meaning = gr.HTML(elem_id="train-summary", padding=False)
        self._network = gr.HTML(elem_id="train-network", padding=False)
        self._expected = gr.HTML(elem_id="train-estimate", padding=False)

    def render_views(self) -> None:
        """Place the augmented views."""
        with gr.Row(elem_classes="title-row"):
            gr.HTML("<h2>What the network is shown</h2>", padding=False)
            self._again = gr.Button("Draw other views", size="sm", elem_id="train-preview-again", min_width=0)
        self._views = widget("train/views", "train-preview")

    @property
    def outputs(self) -> list[Any]:
        """The components that `nothing` updates."""
        return [self._meaning, self._network, self._expected, self._views, self.figures]

    def nothing(self) -> dict[Any, Any]:
        """Return updates for a form that is refused."""
        values = (NOT_AS_IT_IS, "", "", NO_VIEWS, "")
        return dict(zip(self.outputs, values, strict=True))

    def wire(self, tab: gr.Tab) -> None:
        """Follow the form, whoever filled it in; what takes the worker's time from when the page is first opened."""
        settings, opened = self._settings, self._opened
        held, settling = settings.held, settings.settling
        tab.select(lambda: True, None, opened, **QUIET)
        marks = [settings.shown, held]
        settling(self._follow, marks, [*settings.marked, self._meaning], **LATEST)
        self._refused.change(self._follow, marks, [*settings.marked, self._meaning], **QUIET)
        # Apart from the estimate, which times steps for seconds: else the last network's figures would stay so long.
        expecting = [opened, held, settings.settled_at, self._expected_at]
        expected = [self._expected, self.figures, self._expected_at]
        for event in (settling, opened.change):
            event(self._build_network, [opened, held], [self._network, self._refused], **LATEST)
            event(self._preview, [opened, self._draw, held], self._views, **LATEST)
            event(self._expect, expecting, expected, **LATEST)
        # What stands there was for the form before; at once, also where steps of that are still being timed.
        settings.filling(lambda at: ("", "", at), settings.settled_at, expected, **QUIET).then(
            self._expect, expecting, expected, **LATEST
        )
        self._again.click(self._draw_other, [self._draw, held], [self._draw, self._views], **QUIET)

    def _follow(self, shown: Problems, held: Held) -> dict[Any, Any]:
        settings = self._settings
        problems = settings.problems(settings.values(held))
        text = NOT_AS_IT_IS if problems else self._meant(parse(settings.values(held)))
        return {**settings.marks(held, problems, shown), self._meaning: text}

    def _meant(self, config: Config) -> str:
        try:
            images = self._context.counts.of(config)
        except ConfigError:
            images = None  # said beside the field on Start
        return summary(config, images)

    def _build_network(self, opened: bool, held: Held) -> Iterator[dict[Any, Any]]:
        if not opened:
            yield {}
            return
        config = self._settings.sound(held)
        if config is None:
            yield {self._network: "", self._refused: {}}
            return
        for row in self._context.networks.row(config):
            yield {self._network: row}
        yield {self._refused: self._context.networks.problems(config)}

    def _expect(
        self, opened: bool, held: Held, filled_at: float | None, expected_at: float | None
    ) -> Iterator[dict[Any, Any]]:
        # What stands there for another form is cleared first, and this is asked again then.
        if not opened or filled_at != expected_at:
            yield {}
            return
        config = self._settings.sound(held)
        if config is None or self._settings.problems(self._settings.values(held), anew=True):
            yield self._expectation(Expectation())
            return
        taken = self._context.scheduler.taken_gpus() if self._context.scheduler else ()
        for found in expectation(self._context.worker, config, taken):
            yield self._expectation(found)

    def _expectation(self, found: Expectation) -> dict[Any, Any]:
        return {self._expected: found.row, self.figures: found.figures}

    def _preview(self, opened: bool, draw: int, held: Held) -> Iterator[Any]:
        config = self._settings.sound(held)
        if not opened:
            yield gr.skip()
        elif config is None:
            yield NO_VIEWS
        elif not SOURCES.get(config.data.source).generated and config.data not in self._context.seen_data:
            yield {"images": [], "note": NOT_HERE}
        else:
            yield from previews(self._context.worker, config, seed=draw)

    def _draw_other(self, draw: int, held: Held) -> Iterator[Any]:
        config = self._settings.sound(held)
        if config is not None:  # a click is a wish: the images may be fetched for it
            self._context.seen_data.add(config.data)
        for value in self._preview(True, draw + 1, held):
            yield draw + 1, value
