"""Below the map: the same images through training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr
import numpy as np

from simsiam_core.config import ConfigError
from simsiam_core.features import inspection, maps
from simsiam_core.features.maps import Map
from simsiam_core.features.worker import WorkError
from simsiam_core.metrics import describe
from simsiam_core.metrics.train_loss import TRAIN_LOSS
from simsiam_core.metrics.val_knn_accuracy import KNN_ACCURACY
from simsiam_core.runs import RunDirectory, RunError
from simsiam_core.ui import map_file, map_view
from simsiam_core.ui.chart import ACCURACY, figure, plotly_chart, plotly_map
from simsiam_core.ui.context import QUIET, Context
from simsiam_core.ui.freshness import follow, note_box, outdated
from simsiam_core.ui.map_form import asks_for, settings_of
from simsiam_core.ui.monitor_words import origin, steps_per_epoch
from simsiam_core.ui.saver import download, saver
from simsiam_core.ui.theme import SERIES_COLOURS
from simsiam_core.ui.waiting import waiting
from simsiam_core.ui.words import run_name

POINTS = 3000  # of each map; more would not move smoothly


@dataclass(frozen=True, eq=False)
class Story:
    """The maps of a run's checkpoints, in the order of training."""

    run: RunDirectory
    maps: tuple[Map, ...]

    def value(self, *, on_its_own: bool = False) -> dict[str, Any]:
        """The geometry, as the `map` component takes it; a page on its own asks nobody for thumbnails."""
        first = self.maps[0]
        of = None if on_its_own else {"run": self.run.id, "split": first.settings.split}
        names = [m.checkpoint for m in self.maps]
        note = f"{len(self.maps)} checkpoints, {len(first.ids):,} of {first.total:,} images."
        return map_view.geometry(self.maps, names, of=of, key=f"{self.run.id} {first.settings}", note=note)

    def paint(self) -> dict[str, Any]:
        """By label: what the network was never told."""
        return map_view.paint(self.maps[-1], None, "label")


def build(context: Context, run_box: gr.Dropdown, settings: list[Any], thumbnail: Any) -> gr.HTML:
    """The panel; returns its map."""
    told = gr.State(None)  # a Story
    with gr.Column(elem_classes="sheet has-answer"):
        gr.HTML("<h3>Through training</h3>", padding=False)
        with gr.Row():
            tell = gr.Button("Draw the maps of all checkpoints", size="sm", elem_id="story-draw")
            html_button = gr.Button("Save as HTML", size="sm", elem_id="story-html")
            gif_button = gr.Button("Save as animation", size="sm", elem_id="story-gif")
        wait = waiting("story")
        empty = "The maps of all checkpoints, each laid over the next, to play or to step through."
        note = note_box("story-outdated")
        with gr.Row(elem_classes="map-pair answer", equal_height=False):
            chart = plotly_map("story-plot", map_view.nothing(empty), thumbnail)
            curves = plotly_chart(
                "story-curves",
                "Loss and kNN accuracy",
                "the line marks the map's checkpoint",
                figure([], empty="The run's curves come with the maps."),
            )
        save = saver("story-saver")

    def draw(run_id: str, *values: Any) -> Iterator[Any]:
        same = [gr.skip()] * 3
        try:
            run, wished = context.store.get(run_id), settings_of(context, values)
            wished = replace(wished, sample=min(wished.sample, POINTS))
            task = context.mapper.submit(maps.through_training, run.path, wished)
            for update in wait.follow(task):
                yield [*same, *update]
            story = Story(run, task.result())
        except (WorkError, RunError, ConfigError) as error:
            yield [*same, *wait.failed(error)]
            return
        shown = gr.update(value=story.value(), paint=story.paint(), marks={})
        yield [story, shown, _curves(context, run, story.maps[-1].checkpoint), *wait.over()]

    def cursor(story: Story | None, event: gr.EventData) -> Any:
        if story is None or told(event, "name") not in {m.checkpoint for m in story.maps}:
            return gr.skip()
        return _curves(context, story.run, str(told(event, "name")))

    def save_html(story: Story | None) -> Any:
        if story is None:
            return gr.skip()
        first = story.maps[0]
        found = context.worker.submit(
            inspection.image_records, story.run.path, first.settings.split, first.ids
        ).result()
        pixels = [p.pixels for p in found]
        title, value = run_name(story.run.id), story.value(on_its_own=True)
        return download("training.html", "text/html", map_file.map_file(title, value, story.paint(), pixels))

    def save_gif(story: Story | None) -> Any:
        if story is None:
            return gr.skip()
        first = story.maps[0]
        labels = first.labels if first.labels is not None else np.zeros(len(first.ids), int)
        palette = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in map_view.PALETTE], np.uint8)
        content = map_file.animation([m.coordinates for m in story.maps], palette[labels % len(palette)])
        return download("training.gif", "image/gif", content)

    def outdated_note(story: Story | None, run_id: str, *values: Any) -> str:
        if story is None:
            return ""
        if story.run.id == run_id and asks_for(context, values, story.maps[0].settings, POINTS):
            return ""
        remedy = "Press Draw the maps of all checkpoints for what is chosen now."
        return outdated(f"{run_name(story.run.id)} as it was drawn", remedy)

    checking: dict[str, Any] = {
        "fn": outdated_note,
        "inputs": [told, run_box, *settings],
        "outputs": note,
    }
    tell.click(draw, [run_box, *settings], [told, chart, curves, *wait.outputs], **QUIET).then(
        **checking, **QUIET
    )
    follow(checking, [run_box, *settings])
    chart.frame(cursor, told, curves, **{**QUIET, "trigger_mode": "always_last"})
    html_button.click(save_html, told, save, **QUIET)
    gif_button.click(save_gif, told, save, **QUIET)
    return chart


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
