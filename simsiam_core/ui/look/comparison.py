"""Beside other networks: the canvas splits, and the question is put to all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from simsiam_core.config import ConfigError
from simsiam_core.features import compare
from simsiam_core.features.inspection import ImageRecord
from simsiam_core.features.worker import WorkError
from simsiam_core.runs import RunError
from simsiam_core.ui.components import checkpoint_picker
from simsiam_core.ui.components.images import data_uri
from simsiam_core.ui.components.latest import ASKING, Latest, Updates
from simsiam_core.ui.components.outdated import follow, note_box, outdated
from simsiam_core.ui.components.progress import waiting
from simsiam_core.ui.components.widget import widget
from simsiam_core.ui.context import LATEST, QUIET, Context
from simsiam_core.ui.context_bar.network import ChosenNetwork
from simsiam_core.ui.look import answers, canvas
from simsiam_core.ui.look.answering import Answered, AnswerPanel
from simsiam_core.ui.look.drawing import MapPanel
from simsiam_core.ui.look.drawn_map import Drawn

MOVERS = 24
MOST_BESIDE = 5
NOTHING_DRAWN = "Draw the map first; then it can be compared."
NONE_CHOSEN = "Choose one or more networks first."


@dataclass(frozen=True, eq=False)
class Pair:
    """Two maps of the same images, and the networks chosen beside the first."""

    first: Drawn
    second: Drawn
    chosen: tuple[str, ...]


class Comparison:
    """The panel below the canvas; the first network chosen gets the other half of the canvas."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._pair, self._latest = gr.State(None), gr.State(Latest())
        with gr.Column(elem_classes="has-answer"):
            with gr.Row(equal_height=False, elem_classes="map-tools"):
                self.others = gr.Dropdown(
                    label="Networks",
                    multiselect=True,
                    max_choices=MOST_BESIDE,
                    allow_custom_value=True,
                    info="Of the same images. The first is laid out beside the map; all are asked the question.",
                    elem_id="neighbours-beside",
                )
                self._button = gr.Button("Compare", size="sm", elem_id="second-draw", min_width=110)
            self._wait = waiting("second")
            self._note = note_box("second-outdated")
            with gr.Column(visible=False, elem_classes="answer") as self._found:
                self.answers = widget("look/answers", "neighbours-answers", {})
                self.movers = widget("components/findings", "second-movers", {"rows": []})

    def wire(self, panel: MapPanel, answer: AnswerPanel) -> None:
        """Compare on demand; what is chosen with a lasso on one map is chosen on the other."""
        self._panel = panel
        outputs = [self._pair, panel.beside, self._found, self.answers, self.movers, *self._wait.outputs]
        self._checking: dict[str, Any] = {
            "fn": self._outdated,
            "inputs": [self._pair, panel.drawn, self.others],
            "outputs": self._note,
        }
        inputs = [self._latest, panel.drawn, answer.answered, self.others]
        self._button.click(self._compare, inputs, outputs, **ASKING).then(**self._checking, **QUIET)
        follow(self._checking, [panel.drawn, self.others])
        panel.beside.select(_chosen_on(lambda pair: pair.first), self._pair, panel.chart, **LATEST)
        panel.chart.select(_chosen_on(lambda pair: pair.second), self._pair, panel.beside, **LATEST)

    def offer(self, network: ChosenNetwork | None, chosen: list[str] | None) -> Any:
        """What may be compared with the network."""
        if network is None:
            return gr.update(choices=[], value=[])
        try:
            run = network.directory(self._context)
        except RunError:
            return gr.skip()
        offered = checkpoint_picker.others(self._context, run, network.images)
        choices = [(name, ref) for name, ref in offered if ref != f"{network.run}|{network.checkpoint}"]
        known = [ref for _, ref in choices]
        return gr.update(choices=choices, value=[ref for ref in chosen or [] if ref in known])

    def _compare(
        self, latest: Latest, now: Drawn | None, answered: Answered | None, chosen: list[str] | None
    ) -> Iterator[Updates]:
        if now is None or not chosen:
            sentence = NONE_CHOSEN if now else NOTHING_DRAWN
            yield self._wait.named(self._wait.failed(sentence))
            return
        yield from latest.only(self._told(now, answered, chosen[:MOST_BESIDE]), gr.skip())

    def _told(self, now: Drawn, answered: Answered | None, chosen: list[str]) -> Iterator[Updates]:
        try:
            yield from self._compared(now, answered, chosen)
        except (WorkError, RunError, ConfigError) as error:
            yield self._wait.named(self._wait.failed(error))

    def _compared(self, now: Drawn, answered: Answered | None, chosen: list[str]) -> Iterator[Updates]:
        context, wait, wished = self._context, self._wait, now.map.settings
        networks = [checkpoint_picker.network(context, reference) for reference in chosen]
        for run, name in networks:
            for task, fraction, text in context.encoded(run, name, wished.split):
                yield wait.named(wait.at(task, fraction, text))
        run, name = networks[0]
        ours, theirs = (now.run.path, now.map.checkpoint), (run.path, name)
        drawing = context.mapper.submit(compare.second_map, ours, theirs, wished)
        for update in wait.follow(drawing):
            yield wait.named(update)
        other = Drawn(ChosenNetwork(run.id, name, wished.split), run, drawing.result())
        shown = {self._pair: Pair(now, other, tuple(chosen)), self._panel.beside: _laid_out(other, context)}
        yield shown | wait.named(wait.over())
        moving = context.builder.submit(
            compare.movers, ours, theirs, wished.split, wished.sample, limit=MOVERS
        )
        for update in wait.follow(moving):
            yield wait.named(update)
        asked = self._asked(answered, networks)
        found = {self._found: gr.update(visible=True), self.movers: _movers(moving.result())}
        yield found | {self.answers: asked} | wait.named(wait.over())

    def _asked(self, answered: Answered | None, others: list[checkpoint_picker.Network]) -> dict[str, Any]:
        """The answers of all networks to the question in the drawer. Raises WorkError or RunError."""
        if answered is None:
            return {}
        network = answered.network
        every = [(network.directory(self._context), network.checkpoint), *others]
        pairs = tuple((run.path, name) for run, name in every)
        results = self._context.worker.submit(compare.ask_all, pairs, answered.question).result()
        return answers.beside(results, [checkpoint_picker.title(*one) for one in every])

    def _outdated(self, pair: Pair | None, now: Drawn | None, chosen: list[str] | None) -> str:
        if pair is None or now is None or (pair.first.key == now.key and list(pair.chosen) == chosen):
            return ""
        title = pair.first.network.title(self._context)
        beside = checkpoint_picker.title(pair.second.run, pair.second.map.checkpoint)
        return outdated(f"{title} beside {beside}", "Press Compare for what is chosen now.")


def _laid_out(drawn: Drawn, context: Context) -> Any:
    value = drawn.value(drawn.described(context))
    return gr.update(visible=True, value=value, paint=drawn.paint("label"), marks={})


def _chosen_on(side: Callable[[Pair], Drawn]) -> Any:
    """The points chosen on one map, chosen on the other: they are the same images."""

    def chosen(pair: Pair | None, event: gr.EventData) -> Any:
        if pair is None:
            return gr.skip()
        return gr.update(marks=canvas.selected(side(pair).chosen(event)))

    return chosen


def _movers(found: tuple[compare.Mover, ...]) -> dict[str, Any]:
    """The images whose neighbours differ most, with some of those that left and came."""
    rows = [
        {
            "image": _record(mover.image, mover.image.label),
            "title": f"{mover.image.label or ''} {mover.image.id}".strip(),
            "note": f"{mover.kept:.0%} of its neighbours are the same in both",
            "evidence": [
                *(_record(p, f"left: {p.label or p.id}") for p in mover.left),
                *(_record(p, f"came: {p.label or p.id}") for p in mover.came),
            ],
        }
        for mover in found
    ]
    note = "The biggest movers: the images whose neighbours the two networks agree on least."
    return {"rows": rows, "note": note, "empty": ""}


def _record(image: ImageRecord, label: str | None) -> dict[str, Any]:
    return {"id": image.id, "src": data_uri(image.pixels), "label": label}
