"""What the colours of the map say: labels, votes, densities, or what another network thinks of the same images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import gradio as gr

from simsiam_core.config import ConfigError
from simsiam_core.features import compare
from simsiam_core.features.worker import WorkError
from simsiam_core.runs import RunError
from simsiam_core.ui.components import checkpoint_picker
from simsiam_core.ui.components.latest import ASKING, Latest, Updates
from simsiam_core.ui.context import LATEST, Context
from simsiam_core.ui.context_bar.network import ChosenNetwork
from simsiam_core.ui.look import canvas
from simsiam_core.ui.look.drawn_map import Drawn

if TYPE_CHECKING:
    from simsiam_core.ui.look.drawing import MapPanel


class Colours:
    """Two boxes: by what, and (where that needs one) by which other network."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.by = gr.Dropdown(
            [(title, key) for key, title in canvas.COLOURINGS.items()],
            value="label",
            label="Colour by",
            filterable=False,
            elem_id="map-colour",
        )
        self.other = gr.Dropdown(
            label="Other network", allow_custom_value=True, visible=False, elem_id="map-colour-other"
        )

    def wire(self, panel: MapPanel, network: gr.State) -> None:
        """A change of either recolours the map; `painting` colours a map that was just drawn."""
        self._panel = panel
        latest = gr.State(Latest())
        self.second = gr.State(
            None
        )  # what another network predicts: the key of the map, and classes int16 [N]
        recolouring: dict[str, Any] = {
            "fn": self._recolour,
            "inputs": [latest, panel.drawn, self.by, self.other],
            "outputs": [self.second, panel.chart, *panel.wait.outputs],
        }
        self.painting = {**recolouring, "fn": self._paint_new}
        self.by.input(self._offer, [self.by, network, self.other], self.other, **LATEST).then(
            **recolouring, **ASKING
        )
        self.other.input(**recolouring, **ASKING)

    def _paint_new(
        self, latest: Latest, now: Drawn | None, by: str, reference: str | None
    ) -> Iterator[Updates]:
        """What another colouring was chosen meanwhile, or needs another network; else colours came with the map."""
        if now is None or (by == now.by and by not in canvas.NEED_ANOTHER):
            yield gr.skip()
        else:
            yield from self._recolour(latest, now, by, reference)

    def _recolour(
        self, latest: Latest, now: Drawn | None, by: str, reference: str | None
    ) -> Iterator[Updates]:
        if now is None:
            yield gr.skip()
        else:
            yield from latest.only(self._coloured(now, by, reference), gr.skip())

    def _coloured(self, now: Drawn, by: str, reference: str | None) -> Iterator[Updates]:
        panel, wait = self._panel, self._panel.wait
        if not (by in canvas.NEED_ANOTHER and reference):
            yield {panel.chart: gr.update(paint=now.paint(by))}
            return
        try:
            run, name = checkpoint_picker.network(self._context, reference)
            split, size = now.map.settings.split, now.map.settings.sample
            for task, fraction, text in self._context.encoded(run, name, split):
                yield wait.named(wait.at(task, fraction, text))
            mine = (now.run.path, now.map.checkpoint)
            asking = self._context.worker.submit(compare.predictions, mine, (run.path, name), split, size)
            for update in wait.follow(asking):
                yield wait.named(update)
            second = asking.result()
            shown = {panel.chart: gr.update(paint=now.paint(by, second)), self.second: (now.key, second)}
            yield shown | wait.named(wait.over())
        except (WorkError, RunError, ConfigError) as error:
            yield wait.named(wait.failed(error))

    def _offer(self, by: str, network: ChosenNetwork | None, chosen: str | None) -> Any:
        if by not in canvas.NEED_ANOTHER or network is None:
            return gr.update(visible=False)
        try:
            choices = checkpoint_picker.others(
                self._context, network.directory(self._context), network.images
            )
        except RunError:
            return gr.skip()
        values = [value for _, value in choices]
        first = values[0] if values else None
        return gr.update(visible=True, choices=choices, value=chosen if chosen in values else first)
