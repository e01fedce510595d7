"""The map: a cached one at once, else PCA at once, and UMAP when it is ready."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr
import numpy as np

from simsiam_core.config import ConfigError
from simsiam_core.features import inspection, maps
from simsiam_core.features.map_settings import MapSettings
from simsiam_core.features.worker import WorkError
from simsiam_core.runs import RunError
from simsiam_core.ui.components.chart import plotly_map
from simsiam_core.ui.components.checkpoint_picker import NO_RUNS
from simsiam_core.ui.components.download import download, saver
from simsiam_core.ui.components.gathered import gathered
from simsiam_core.ui.components.latest import ASKING, Latest, Updates
from simsiam_core.ui.components.outdated import note_box, outdated
from simsiam_core.ui.components.progress import waiting
from simsiam_core.ui.context import QUIET, Context
from simsiam_core.ui.context_bar.network import ChosenNetwork
from simsiam_core.ui.look import canvas, html_file
from simsiam_core.ui.look.colouring import Colours
from simsiam_core.ui.look.drawn_map import Drawn
from simsiam_core.ui.look.settings import asks_for, main_settings, more_settings, settings_of
from simsiam_core.ui.look.thumbnails import thumbnails

KNOWN_SECONDS = 0.05  # in which facts come that need no finding
FACTS_AT_ONCE = 5000  # points whose neighbours are found while one waits
ATLAS_UP_TO = 20_000  # thumbnails inside an exported page
UNASKED_IMAGES = 10_000  # at most so many are encoded before somebody asks for it
NOTHING_YET = "Press Draw map: PCA comes at once, UMAP when it is ready."


class MapPanel:
    """The canvas with what draws, colours and saves it; `drawn` is the `Drawn` that it shows."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.drawn, self.latest = gr.State(None), gr.State(Latest())
        with gr.Column(elem_classes="sheet has-answer"):
            with gr.Row(equal_height=False, elem_classes="map-tools"):
                self.colours = Colours(context)
                in_view = main_settings()
                self.draw_button = gr.Button("Draw map", elem_id="map-draw", variant="primary", min_width=110)
            settings = [*in_view, *more_settings()]
            self._method, self.settings = settings[0], gathered(settings, "map-settings")
            self.wait = waiting("map")
            self.note = note_box("map-outdated")
            with gr.Row(elem_classes="look-split", equal_height=False):
                self.chart = plotly_map(
                    "map-plot", canvas.nothing(NOTHING_YET), thumbnails(context), elem_classes="answer"
                )
                self.beside = plotly_map(
                    "second-plot",
                    canvas.nothing(""),
                    thumbnails(context),
                    elem_classes="answer",
                    visible=False,
                )
            with gr.Row(elem_classes="look-saves", visible=False) as self._saves:
                self._html_button = gr.Button("Save as HTML", size="sm", elem_id="map-html", min_width=110)
                self._table_button = gr.Button("Save table", size="sm", elem_id="map-table", min_width=110)
            self._save = saver("map-file-saver")

    @property
    def outputs(self) -> list[Any]:
        """What a drawing fills."""
        return [self.drawn, self.chart, self.beside, self._method, *self.wait.outputs]

    def wire(self, network: gr.State) -> None:
        """Connect what saves and colours the map, and the button that draws it."""
        self.drawing: dict[str, Any] = {
            "fn": self.draw,
            "inputs": [self.latest, network, self.colours.by, self.settings],
            "outputs": self.outputs,
        }
        self.colours.wire(self, network)
        self.drawn_anew = self.draw_button.click(**self.drawing, **ASKING)
        self.drawn.change(lambda now: gr.update(visible=now is not None), self.drawn, self._saves, **QUIET)
        self._table_button.click(self._save_table, self.drawn, self._save, **QUIET)
        saved = [self.drawn, self.colours.by, self.colours.second]
        self._html_button.click(self._save_html, saved, self._save, **QUIET)

    def draw(
        self, latest: Latest, network: ChosenNetwork | None, by: str, values: Sequence[Any]
    ) -> Iterator[Updates]:
        """Draw the map that the form stands for."""
        yield from latest.only(self._draw(network, by, values), gr.skip())

    def begin(
        self, latest: Latest, network: ChosenNetwork | None, drawn: Drawn | None, *given: Any
    ) -> Iterator[Updates]:
        """Draw a first map of what was opened, unless it takes an effort that nobody has asked for."""
        if drawn is not None:
            yield gr.skip()
        elif network is None:
            yield {self.chart: canvas.nothing(NO_RUNS)}
        else:
            yield from latest.only(self._begin(network, *given), gr.skip())

    def _begin(self, network: ChosenNetwork, by: str, values: Sequence[Any]) -> Iterator[Updates]:
        """A map that is cached, else PCA; encoding the images is left to the person where it takes long."""
        context, wait = self._context, self.wait
        try:
            run, wished = network.directory(context), settings_of(context, network.images, values)
            known = (run.path, network.checkpoint)
            ready = context.worker.submit(inspection.is_encoded, *known, network.images).result()
            if not ready and not self._at_work() and _count(context, network) <= UNASKED_IMAGES:
                for task, fraction, text in context.encoded(run, network.checkpoint, network.images):
                    yield wait.named(wait.at(task, fraction, text))
                ready = True
            kept = ready and context.worker.submit(maps.cached_map, *known, wished).result()
        except (WorkError, RunError, ConfigError) as error:
            yield wait.named(wait.failed(error))
            return
        if kept:
            yield from self._draw(network, by, values)
        elif ready:
            yield {self._method: "pca"}
            yield from self._draw(network, by, ("pca", *values[1:]))
            context.expect_maps()  # UMAP is likely to be asked for next
        else:
            yield {self.chart: canvas.nothing(NOTHING_YET)}

    def _at_work(self) -> bool:
        return bool(self._context.snapshots.look().running)

    def _draw(self, network: ChosenNetwork | None, by: str, values: Sequence[Any]) -> Iterator[Updates]:
        if network is None:
            yield self.wait.named(self.wait.failed(NO_RUNS))
            return
        context, wait = self._context, self.wait
        try:
            run, wished = network.directory(context), settings_of(context, network.images, values)
            for task, fraction, text in context.encoded(run, network.checkpoint, network.images):
                yield wait.named(wait.at(task, fraction, text))
            for now, finished in self._maps(network, by, wished):
                if isinstance(now, Drawn):
                    shown = now.update(context, finished=finished)
                    alone = gr.update(visible=False)
                    yield {self.drawn: now, self.chart: shown, self.beside: alone} | wait.named(wait.over())
                else:
                    yield wait.named(now)
            assert isinstance(now, Drawn)
            if now.facts is None:
                facts = context.builder.submit(maps.facts, run.path, network.checkpoint, wished)
                for update in wait.follow(facts):
                    yield wait.named(update)
                now = replace(now, facts=facts.result())
                yield {self.drawn: now, self.chart: gr.update(paint=now.paint(by))} | wait.named(wait.over())
        except (WorkError, RunError, ConfigError) as error:
            yield wait.named(wait.failed(error))

    def _maps(
        self, network: ChosenNetwork, by: str, wished: MapSettings
    ) -> Iterator[tuple[Drawn | list[Any], bool]]:
        """Yield maps with whether they are what is wished for, and updates of the progress between them."""
        context, run = self._context, network.directory(self._context)
        name = network.checkpoint
        drawn = context.worker.submit(maps.cached_map, run.path, name, wished).result()
        if drawn is None:
            first = replace(wished, method="pca")
            drawn = context.worker.submit(maps.draw_map, run.path, name, first).result()
            if wished.method != "pca":
                yield Drawn(network, run, drawn, by), False
                umap = context.mapper.submit(maps.draw_map, run.path, name, wished)
                for update in self.wait.follow(umap):
                    yield update, False
                drawn = umap.result()
        now = Drawn(network, run, drawn, by)
        if len(drawn.ids) <= FACTS_AT_ONCE:  # a browser takes one message faster than two
            facts = context.worker.submit(maps.facts, run.path, name, wished)
            with contextlib.suppress(TimeoutError):
                now = replace(now, facts=facts.result(KNOWN_SECONDS))
        yield now, True

    def outdated(self, network: ChosenNetwork | None, now: Drawn | None, values: Sequence[Any]) -> str:
        """The note above the map, as HTML; empty where the map is what the bar and the form stand for."""
        if now is None or network is None:
            return ""
        title = now.described(self._context).rstrip(".")
        if (now.network.run, now.network.images) != (network.run, network.images) or (
            not now.story and now.network.checkpoint != network.checkpoint
        ):
            return outdated(title, "Press Update for what is chosen now.")
        points = len(now.map.ids) if now.story else None
        if not asks_for(self._context, values, now.map.settings, points and now.map.settings.sample):
            return outdated(title, "Press Draw map for these settings.")
        return ""

    def _save_table(self, now: Drawn | None) -> Any:
        if now is None:
            return gr.skip()
        import pandas

        header, rows = now.table(range(len(now.map.ids)))
        buffer = io.BytesIO()
        pandas.DataFrame(rows, columns=header).to_parquet(buffer)
        return download("map.parquet", "application/octet-stream", buffer.getvalue())

    def _save_html(self, now: Drawn | None, by: str, second: tuple[str, np.ndarray] | None) -> Any:
        if now is None:
            return gr.skip()
        found: Any = ()
        if len(now.map.ids) <= ATLAS_UP_TO:
            split = now.map.settings.split
            found = self._context.worker.submit(
                inspection.image_records, now.run.path, split, now.map.ids
            ).result()
        value = {**now.value(now.described(self._context)), "of": None}
        paint = now.paint(by, second[1] if second and second[0] == now.key else None)
        title = now.network.title(self._context)
        content = html_file.map_file(title, value, paint, [p.pixels for p in found])
        return download("training.html" if now.story else "map.html", "text/html", content)


def _count(context: Context, network: ChosenNetwork) -> int:
    """How many images there are. Raises WorkError or RunError."""
    run = network.directory(context)
    return context.worker.submit(inspection.browse, run.path, network.images, 0).result().total
