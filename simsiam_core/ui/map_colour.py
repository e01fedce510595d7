"""What the colours of the map say: labels, votes, densities, or what another network thinks of the same images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from simsiam_core.config import ConfigError
from simsiam_core.features import compare
from simsiam_core.features.worker import WorkError
from simsiam_core.runs import RunError
from simsiam_core.ui import map_view, networks
from simsiam_core.ui.context import LATEST, Context
from simsiam_core.ui.map_drawn import Drawn
from simsiam_core.ui.waiting import Waiting


class Colours:
    """Two boxes: by what, and (where that needs one) by which other network."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.by = gr.Dropdown(
            [(title, key) for key, title in map_view.COLOURINGS.items()],
            value="label",
            label="Colour by",
            filterable=False,
            elem_id="map-colour",
        )
        self.other = gr.Dropdown(
            label="Other network", allow_custom_value=True, visible=False, elem_id="map-colour-other"
        )

    def wire(self, state: gr.State, chart: gr.HTML, wait: Waiting, run_box: gr.Dropdown) -> None:
        """A change of either recolours the map; a new map is coloured by another network through `colouring_new`."""

        def recolour(now: Drawn | None, by: str, reference: str | None) -> Iterator[list[Any]]:
            if now is None:
                yield [gr.skip(), gr.skip(), *wait.same()]
                return
            try:
                if by in map_view.NEED_ANOTHER and reference:
                    run, name = networks.network(self._context, reference)
                    split, size = now.map.settings.split, now.map.settings.sample
                    for task, fraction, text in self._context.encoded(run, name, split):
                        yield [gr.skip(), gr.skip(), *wait.at(task, fraction, text)]
                    mine = (now.run.path, now.map.checkpoint)
                    asking = self._context.worker.submit(
                        compare.predictions, mine, (run.path, name), split, size
                    )
                    for update in wait.follow(asking):
                        yield [gr.skip(), gr.skip(), *update]
                    now = replace(now, second=asking.result())
                yield [now, gr.update(paint=now.paint(by)), *wait.over()]
            except (WorkError, RunError, ConfigError) as error:
                yield [gr.skip(), gr.skip(), *wait.failed(error)]

        def colour_new(now: Drawn | None, by: str, reference: str | None) -> Iterator[list[Any]]:
            if by in map_view.NEED_ANOTHER:
                yield from recolour(now, by, reference)
            else:  # the colours came with the map; without a word, gradio would empty it
                yield [gr.skip(), gr.skip(), *wait.same()]

        inputs, outputs = [state, self.by, self.other], [state, chart, *wait.outputs]
        recolouring: dict[str, Any] = {"fn": recolour, "inputs": inputs, "outputs": outputs}
        self.colouring_new = {**recolouring, "fn": colour_new}
        self.by.input(self._offer, [self.by, run_box, self.other], self.other, **LATEST).then(
            **recolouring, **LATEST
        )
        self.other.input(**recolouring, **LATEST)

    def _offer(self, by: str, run_id: str, chosen: str | None) -> Any:
        if by not in map_view.NEED_ANOTHER:
            return gr.update(visible=False)
        try:
            choices = networks.others(self._context, self._context.store.get(run_id))
        except RunError:
            return gr.skip()
        values = [value for _, value in choices]
        first = values[0] if values else None
        return gr.update(visible=True, choices=choices, value=chosen if chosen in values else first)
