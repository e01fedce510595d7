"""Through training: the canvas holds the maps of all checkpoints, to be stepped and played through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr
import numpy as np

from simsiam_core.config import ConfigError
from simsiam_core.features import maps
from simsiam_core.features.worker import WorkError
from simsiam_core.metrics import describe
from simsiam_core.metrics.train_loss import TRAIN_LOSS
from simsiam_core.metrics.val_knn_accuracy import KNN_ACCURACY
from simsiam_core.runs import RunDirectory, RunError
from simsiam_core.ui.components.chart import ACCURACY, figure, plotly_chart
from simsiam_core.ui.components.download import download, saver
from simsiam_core.ui.components.latest import ASKING, Latest, Updates
from simsiam_core.ui.components.widget import event_value
from simsiam_core.ui.context import LATEST, QUIET, Context
from simsiam_core.ui.context_bar.network import ChosenNetwork
from simsiam_core.ui.live.run_text import origin, steps_per_epoch
from simsiam_core.ui.look import canvas, html_file
from simsiam_core.ui.look.drawing import MapPanel
from simsiam_core.ui.look.drawn_map import Drawn
from simsiam_core.ui.look.settings import settings_of
from simsiam_core.ui.theme import SERIES_COLOURS

POINTS = 3000  # of each map; more would not move smoothly


class Timeline:
    """The panel below the canvas: the button, and the run's curves with a line at the checkpoint on the canvas."""

    def __init__(self, context: Context) -> None:
        self._context = context
        with gr.Row():
            self._draw_button = gr.Button("Draw the maps of all checkpoints", size="sm", elem_id="story-draw")
            self._gif = gr.Button("Save as animation", size="sm", elem_id="story-gif", visible=False)
        self._curves = plotly_chart(
            "story-curves",
            "Loss and kNN accuracy",
            "the line marks the map's checkpoint",
            figure([], empty="The run's curves come with the maps."),
        )
        self._save = saver("story-saver")

    def wire(self, panel: MapPanel, network: gr.State, asking: dict[str, Any]) -> None:
        """The slider below the canvas moves the map, the line on the curves, and the question to another checkpoint."""
        self._panel = panel
        outputs = [*panel.outputs, self._curves, self._gif]
        inputs = [panel.latest, network, panel.colours.by, panel.settings]
        self.drawn = self._draw_button.click(self._draw, inputs, outputs, **ASKING)
        panel.chart.frame(self._step, panel.drawn, [panel.drawn, self._curves], **LATEST).then(
            **asking, **ASKING
        )
        self._gif.click(self._save_gif, panel.drawn, self._save, **QUIET)

    def _draw(
        self, latest: Latest, network: ChosenNetwork | None, by: str, values: Sequence[Any]
    ) -> Iterator[Updates]:
        if network is None:
            yield gr.skip()
        else:
            yield from latest.only(self._told(network, by, values), gr.skip())

    def _told(self, network: ChosenNetwork, by: str, values: Sequence[Any]) -> Iterator[Updates]:
        context, panel, wait = self._context, self._panel, self._panel.wait
        try:
            run, wished = network.directory(context), settings_of(context, network.images, values)
            wished = replace(wished, sample=min(wished.sample, POINTS))
            task = context.mapper.submit(maps.through_training, run.path, wished)
            for update in wait.follow(task):
                yield wait.named(update)
            story = task.result()
        except (WorkError, RunError, ConfigError) as error:
            yield wait.named(wait.failed(error))
            return
        last = story[-1]
        now = Drawn(replace(network, checkpoint=last.checkpoint), run, last, by, story=story)
        yield {
            panel.drawn: now,
            panel.chart: now.update(context),
            panel.beside: gr.update(visible=False),
            self._curves: _curves(context, run, last.checkpoint),
            self._gif: gr.update(visible=True),
        } | wait.named(wait.over())

    def _step(self, now: Drawn | None, event: gr.EventData) -> Any:
        at = now.at(str(event_value(event, "name"))) if now else None
        if at is None:
            return gr.skip(), gr.skip()
        return at, _curves(self._context, at.run, at.map.checkpoint)

    def _save_gif(self, now: Drawn | None) -> Any:
        if now is None or not now.story:
            return gr.skip()
        first = now.story[0]
        labels = first.labels if first.labels is not None else np.zeros(len(first.ids), int)
        palette = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in canvas.PALETTE], np.uint8)
        content = html_file.animation([m.coordinates for m in now.story], palette[labels % len(palette)])
        return download("training.gif", "image/gif", content)


def _curves(context: Context, run: RunDirectory, checkpoint: str) -> dict[str, Any]:
    """Loss and kNN accuracy over epochs, with a line at a checkpoint."""
    curves, config, status = context.curves.read(run), run.config(), run.status()
    per_epoch, began = steps_per_epoch(run, status), origin(run)
    traces = []
    for metric, name, axis, colour in (
        (TRAIN_LOSS, "loss", "y", SERIES_COLOURS[0]),
        (KNN_ACCURACY, describe(KNN_ACCURACY).title, "y2", SERIES_COLOURS[1]),
    ):
        x, y = curves.points(metric, "epoch", per_epoch, began)
        if x:
            line = {"color": colour, "width": 1.8}
            drawn = {"type": "scatter", "mode": "lines", "name": name, "yaxis": axis, "line": line}
            traces.append({**drawn, "x": x, "y": y})
    number = checkpoint.removeprefix("epoch=")
    at = float(number) if number.isdigit() else float(config.training.epochs)
    cursor = {"type": "line", "x0": at, "x1": at, "yref": "paper", "y0": 0, "y1": 1}
    layout = {
        "xaxis": {"title": {"text": "Epoch"}, "rangemode": "tozero"},
        "yaxis": {"title": {"text": "loss"}},
        "yaxis2": {**ACCURACY, "overlaying": "y", "side": "right", "showgrid": False},
        "shapes": [{**cursor, "line": {"color": "#e4572e", "width": 1.5}}],
    }
    return figure(traces, layout, revision=run.id, empty="Nothing was measured in this run.")
