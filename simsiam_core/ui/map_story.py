"""Below the map: the same pictures through training, and beside another network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import gradio as gr
import numpy as np

from simsiam_core.config import ConfigError
from simsiam_core.features import compare, inspection, maps
from simsiam_core.features.inspection import Picture
from simsiam_core.features.maps import Map
from simsiam_core.features.worker import WorkError
from simsiam_core.runs import RunDirectory, RunError
from simsiam_core.ui import map_file, map_view, networks
from simsiam_core.ui.cards import data_uri
from simsiam_core.ui.chart import figure, plotly_chart, plotly_map
from simsiam_core.ui.context import QUIET, Context, Page
from simsiam_core.ui.saver import download, saver
from simsiam_core.ui.theme import SERIES_COLOURS
from simsiam_core.ui.widgets import widget
from simsiam_core.ui.words import problem, progress, run_name

MOVERS = 24
STORY_POINTS = 3000  # of each map; more would not move smoothly


def build(
    context: Context,
    page: Page,
    thumbnail: Any,
    running: gr.State,
    network: tuple[gr.Dropdown, gr.Dropdown],
    settings: list[Any],
) -> Callable[[gr.State, gr.HTML], None]:
    """The two panels; what comes back wires them to the state of the map above, a `map_tab.Drawn`."""
    told = gr.State(None)  # the maps through training: (run, maps)
    with gr.Column(elem_classes="sheet"):
        gr.HTML("<h3>Through training</h3>", padding=False)
        with gr.Row():
            tell = gr.Button("Draw the maps of all checkpoints", size="sm", elem_id="story-draw")
            save_html = gr.Button("Save as HTML", size="sm", elem_id="story-html")
            save_gif = gr.Button("Save as animation", size="sm", elem_id="story-gif")
        story_message = gr.HTML(elem_id="story-progress", padding=False)
        empty = "The maps of all checkpoints, each laid over the next, to play or to step through."
        with gr.Row(elem_classes="map-pair", equal_height=False):
            story = plotly_map("story-plot", map_view.nothing(empty), thumbnail)
            curves = plotly_chart(
                "story-curves", "Loss and kNN accuracy", "the line marks the map's checkpoint"
            )
        save = saver("story-saver")
    with gr.Column(elem_classes="sheet"):
        gr.HTML("<h3>Beside another network</h3>", padding=False)
        with gr.Row(equal_height=False):
            run_box, checkpoint_box = networks.pickers("second")
            beside = gr.Button("Compare", size="sm", elem_id="second-draw")
        second_message = gr.HTML(elem_id="second-progress", padding=False)
        second = plotly_map(
            "second-plot", map_view.nothing("The same pictures as a second network lays them out."), thumbnail
        )
        moved = widget("findings", "second-movers", {"rows": []})
    other = gr.State(None)

    def wire(state: gr.State, first: gr.HTML) -> None:
        def draw_story(run_id: str, *values: Any) -> Iterator[Any]:
            from simsiam_core.ui.map_tab import settings_of

            try:
                run, wished = context.store.get(run_id), settings_of(context, values)
                wished = replace(wished, sample=min(wished.sample, STORY_POINTS))
                task = context.builder.submit(maps.through_training, run.path, wished)
                for fraction, text in task.watch():
                    yield [gr.skip(), gr.skip(), gr.skip(), progress(fraction, text), task]
                drawn = task.result()
                facts = context.worker.submit(maps.facts, run.path, drawn[-1].checkpoint, wished).result()
            except (WorkError, RunError, ConfigError) as error:
                yield [gr.skip(), gr.skip(), gr.skip(), problem(str(error)), None]
                return
            note = f"{len(drawn)} checkpoints, {len(drawn[0].ids):,} of {drawn[0].total:,} images."
            value = _story_value(run, drawn, note)
            last = drawn[-1].checkpoint
            yield [
                (run, drawn),
                gr.update(value=value, paint=map_view.paint(drawn[-1], facts, "label"), marks={}),
                _curves(context, run, last),
                "",
                None,
            ]

        def cursor(told_now: tuple[RunDirectory, Any] | None, event: gr.EventData) -> Any:
            names = {m.checkpoint for m in told_now[1]} if told_now else set()
            if told_now is None or event.name not in names:
                return gr.skip()
            return _curves(context, told_now[0], str(event.name))

        def take_html(told_now: tuple[RunDirectory, tuple[Map, ...]] | None) -> Any:
            if told_now is None:
                return gr.skip()
            run, drawn = told_now
            split = drawn[0].settings.split
            found = context.worker.submit(inspection.pictures, run.path, split, drawn[0].ids).result()
            value = _story_value(run, drawn, f"{len(drawn)} checkpoints, {len(drawn[0].ids):,} images.")
            paint = map_view.paint(drawn[-1], None, "label")
            content = map_file.map_file(run_name(run.id), value, paint, [p.pixels for p in found])
            return download("training.html", "text/html", content)

        def take_gif(told_now: tuple[RunDirectory, tuple[Map, ...]] | None) -> Any:
            if told_now is None:
                return gr.skip()
            drawn = told_now[1]
            labels = drawn[0].labels if drawn[0].labels is not None else np.zeros(len(drawn[0].ids), int)
            palette = np.array(
                [[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in map_view.PALETTE], np.uint8
            )
            content = map_file.animation([m.coordinates for m in drawn], palette[labels % len(palette)])
            return download("training.gif", "image/gif", content)

        def compare_two(now: Any, run_id: str, name: str) -> Iterator[Any]:
            if now is None:
                yield [gr.skip(), gr.skip(), gr.skip(), problem("Draw the first map, above."), None]
                return
            try:
                run, settings_now = context.store.get(run_id), now.map.settings
                for task, fraction, text in context.encoded(run, name, settings_now.split):
                    yield [gr.skip(), gr.skip(), gr.skip(), progress(fraction, text), task]
                drawing = context.builder.submit(maps.draw_map, run.path, name, settings_now)
                for fraction, text in drawing.watch():
                    yield [gr.skip(), gr.skip(), gr.skip(), progress(fraction, text), drawing]
                drawn = drawing.result()
                networks_ = ((now.run.path, now.map.checkpoint), (run.path, name))
                asking = context.builder.submit(
                    compare.movers, *networks_, settings_now.split, settings_now.sample, limit=MOVERS
                )
                for fraction, text in asking.watch():
                    yield [gr.skip(), gr.skip(), gr.skip(), progress(fraction, text), asking]
                found = asking.result()
                facts = context.builder.submit(maps.facts, run.path, name, settings_now).result()
            except (WorkError, RunError) as error:
                yield [gr.skip(), gr.skip(), gr.skip(), problem(str(error)), None]
                return
            of = {"run": run.id, "split": settings_now.split}
            title = f"{run_name(run.id)}, {networks.checkpoint_name(name)}. {map_view.described(drawn)}"
            value = map_view.geometry(
                [drawn], [name], of=of, key=f"{run.id} {name} {settings_now}", note=title
            )
            paint = map_view.paint(drawn, facts, "label")
            yield [(drawn, facts), gr.update(value=value, paint=paint, marks={}), _movers(found), "", None]

        def link(now: Any, other_now: tuple[Map, Any] | None, event: gr.EventData) -> Any:
            """The points chosen on one map, chosen on the other: they are the same pictures."""
            if other_now is None or not isinstance(event.ids, list):
                return gr.skip()
            position = {picture_id: row for row, picture_id in enumerate(other_now[0].ids)}
            return gr.update(marks={"selected": [position[i] for i in event.ids if i in position]})

        def link_back(now: Any, event: gr.EventData) -> Any:
            return link(None, (now.map, None), event) if now else gr.skip()

        def second_runs(chosen: list[str], name: str | None) -> list[Any]:
            runs, names, _ = networks.choices(context, chosen, name)
            return [runs, names]

        def use_run(run_id: str) -> Any:
            try:
                return networks.checkpoint_choices(context.store.get(run_id), None)
            except RunError:
                return gr.skip()

        tell.click(
            draw_story, [network[0], *settings], [told, story, curves, story_message, running], **QUIET
        )
        story.frame(cursor, told, curves, **{**QUIET, "trigger_mode": "always_last"})
        save_html.click(take_html, told, save, **QUIET)
        save_gif.click(take_gif, told, save, **QUIET)
        beside.click(
            compare_two,
            [state, run_box, checkpoint_box],
            [other, second, moved, second_message, running],
            **QUIET,
        )
        first.select(link, [state, other], second, **QUIET)
        second.select(link_back, state, first, **QUIET)
        run_box.focus(second_runs, [page.chosen, checkpoint_box], [run_box, checkpoint_box], **QUIET)
        run_box.input(use_run, run_box, checkpoint_box, **QUIET)

    return wire


def _story_value(run: RunDirectory, drawn: tuple[Map, ...], note: str) -> dict[str, Any]:
    of = {"run": run.id, "split": drawn[0].settings.split}
    names = [m.checkpoint for m in drawn]
    return map_view.geometry(drawn, names, of=of, key=f"{run.id} {drawn[0].settings}", note=note)


def _curves(context: Context, run: RunDirectory, checkpoint: str) -> dict[str, Any]:
    """Loss and kNN accuracy over epochs, with a line at a checkpoint."""
    curves, config, status = context.curves.read(run), run.config(), run.status()
    per_epoch = max(1.0, status.total_steps / config.training.epochs)
    traces = []
    for metric, name, axis, colour in (
        ("train/loss", "loss", "y", SERIES_COLOURS[0]),
        ("val/knn_accuracy", "kNN accuracy", "y2", SERIES_COLOURS[1]),
    ):
        x, y = curves.points(metric, "epoch", per_epoch)
        if x:
            line = {"color": colour, "width": 1.8}
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "name": name,
                    "x": x,
                    "y": y,
                    "yaxis": axis,
                    "line": line,
                }
            )
    number = checkpoint.removeprefix("epoch=")
    at = float(number) if number.isdigit() else float(config.training.epochs)
    cursor = {"type": "line", "x0": at, "x1": at, "yref": "paper", "y0": 0, "y1": 1}
    layout = {
        "xaxis": {"title": {"text": "Epoch"}, "rangemode": "tozero"},
        "yaxis": {"title": {"text": "loss"}},
        "yaxis2": {"overlaying": "y", "side": "right", "tickformat": ".0%", "showgrid": False},
        "shapes": [{**cursor, "line": {"color": "#e4572e", "width": 1.5}}],
    }
    return figure(traces, layout, revision=run.id, empty="Nothing was measured in this run.")


def _movers(found: tuple[compare.Mover, ...]) -> dict[str, Any]:
    """The pictures whose neighbours differ most, with some of those that left and came."""
    rows = []
    for mover in found:
        rows.append(
            {
                "picture": _shown(mover.picture, mover.picture.label),
                "title": f"{mover.picture.label or ''} {mover.picture.id}".strip(),
                "note": f"{mover.kept:.0%} of its neighbours are the same in both",
                "evidence": [
                    *(_shown(p, f"left: {p.label or p.id}") for p in mover.left),
                    *(_shown(p, f"came: {p.label or p.id}") for p in mover.came),
                ],
            }
        )
    note = "The biggest movers: the pictures whose neighbours the two networks agree on least."
    return {"rows": rows, "note": note, "empty": ""}


def _shown(picture: Picture, label: str | None) -> dict[str, Any]:
    return {"id": picture.id, "src": data_uri(picture.pixels), "label": label}
