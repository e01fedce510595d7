"""Map: what has it learned to separate?"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from simsiam_core.config import ConfigError
from simsiam_core.features import inspection, maps
from simsiam_core.features.worker import WorkError
from simsiam_core.runs import RunError
from simsiam_core.ui import map_beside, map_file, map_story, map_view, networks, own
from simsiam_core.ui.cards import data_uri
from simsiam_core.ui.chart import plotly_map
from simsiam_core.ui.context import QUIET, Context, Page
from simsiam_core.ui.freshness import Refused, follow, note_box, outdated
from simsiam_core.ui.map_chosen import Chosen
from simsiam_core.ui.map_colour import Colours
from simsiam_core.ui.map_drawn import Drawn
from simsiam_core.ui.map_form import asks_for, settings_form, settings_of
from simsiam_core.ui.query import upload_box
from simsiam_core.ui.saver import download, saver
from simsiam_core.ui.waiting import waiting

KNOWN_SECONDS = 0.05  # in which facts come that need no finding
FACTS_AT_ONCE = 5000  # points whose neighbours are found while one waits
ATLAS_UP_TO = 20_000  # thumbnails inside an exported page
NOTHING_YET = "Press Draw map: PCA comes at once, UMAP when it is ready."


def build(context: Context, page: Page, tab: gr.Tab) -> None:
    """The tab: how to draw on the left; the map and what is chosen on it on the right."""
    state = gr.State(None)  # a Drawn
    with gr.Row(elem_classes="map-layout", equal_height=False):
        with gr.Column(min_width=280):
            with gr.Column(elem_classes="sheet"):
                gr.HTML("<h3>Network</h3>", padding=False)
                picker = networks.picker("map")
            with gr.Column(elem_classes="sheet"):
                gr.HTML("<h3>Map</h3>", padding=False)
                settings = settings_form()
                draw_button = networks.ask_button("Draw map", "map-draw")
            with gr.Column(elem_classes="sheet"):
                gr.HTML("<h3>Place an image on it</h3>", padding=False)
                upload = upload_box("map-upload", camera=True)
                find = gr.Textbox(
                    label="Or find points",
                    info="A class, or a part of an id; press Enter.",
                    elem_id="map-find",
                    max_lines=1,
                )
        with gr.Column(min_width=320):
            with gr.Column(elem_classes="sheet has-answer"):
                with gr.Row(equal_height=False, elem_classes="map-tools"):
                    colours = Colours(context)
                    html_button = gr.Button("Save as HTML", size="sm", elem_id="map-html", min_width=110)
                    table_button = gr.Button("Save table", size="sm", elem_id="map-table", min_width=110)
                wait = waiting("map")
                note = note_box("map-outdated")
                chart = plotly_map(
                    "map-plot", map_view.nothing(NOTHING_YET), thumbnails(context), elem_classes="answer"
                )
                save = saver("map-file-saver")
            chosen = Chosen(context, state)
            chosen.wire(page, chart, upload, find, wait.trouble)
            story = map_story.build(context, picker.run, settings, thumbnails(context))
            *beside, beside_checking = map_beside.build(context, page, tab, state, chart, thumbnails(context))
            chosen.asks_by_click(page, story, *beside)

    def draw(run_id: str, name: str, *given: Any) -> Iterator[Any]:
        *values, by = given
        same = [gr.skip(), gr.skip()]
        if not run_id:
            yield [*same, *wait.failed(networks.none_chosen(context))]
            raise Refused
        try:
            run, wished = context.store.get(run_id), settings_of(context, tuple(values))
            for task, fraction, text in context.encoded(run, name, wished.split):
                yield [*same, *wait.at(task, fraction, text)]
            drawn = context.worker.submit(maps.cached_map, run.path, name, wished).result()
            if drawn is None:
                first = replace(wished, method="pca")
                drawn = context.worker.submit(maps.draw_map, run.path, name, first).result()
                finished = wished.method == "pca"
                now = Drawn(run, drawn)
                yield [now, now.update(by, finished=finished), *wait.over()]
                if not finished:
                    umap = context.mapper.submit(maps.draw_map, run.path, name, wished)
                    for update in wait.follow(umap):
                        yield [*same, *update]
                    drawn = umap.result()
            worker = context.worker if len(drawn.ids) <= FACTS_AT_ONCE else context.builder
            facts = worker.submit(maps.facts, run.path, name, wished)
            now = Drawn(run, drawn)
            with contextlib.suppress(
                TimeoutError
            ):  # known with the map: a browser takes one message faster than four
                now = replace(now, facts=facts.result(KNOWN_SECONDS))
            yield [now, now.update(by), *wait.over()]
            if now.facts is None:
                for update in wait.follow(facts):
                    yield [*same, *update]
                now = replace(now, facts=facts.result())
                yield [now, gr.update(paint=now.paint(by)), *wait.over()]
        except (WorkError, RunError, ConfigError) as error:
            yield [*same, *wait.failed(error)]
            raise Refused from None

    def outdated_note(now: Drawn | None, run_id: str, name: str, *values: Any) -> str:
        same = now is not None and (now.run.id, now.map.checkpoint) == (run_id, name)
        if now is None or (same and asks_for(context, values, now.map.settings)):
            return ""
        title = f"{networks.title(now.run, now.map.checkpoint)}: {map_view.described(now.map)}"
        return outdated(title.rstrip("."), "Press Draw map for what is chosen now.")

    def save_table(now: Drawn | None) -> Any:
        if now is None:
            return gr.skip()
        import pandas

        header, rows = now.table(range(len(now.map.ids)))
        buffer = io.BytesIO()
        pandas.DataFrame(rows, columns=header).to_parquet(buffer)
        return download("map.parquet", "application/octet-stream", buffer.getvalue())

    def save_html(now: Drawn | None, by: str) -> Any:
        if now is None:
            return gr.skip()
        found: Any = ()
        if len(now.map.ids) <= ATLAS_UP_TO:
            split = now.map.settings.split
            found = context.worker.submit(inspection.image_records, now.run.path, split, now.map.ids).result()
        title = networks.title(now.run, now.map.checkpoint)
        value = {**now.value(map_view.described(now.map)), "of": None}
        content = map_file.map_file(title, value, now.paint(by), [p.pixels for p in found])
        return download("map.html", "text/html", content)

    def prepare(run_id: str | None, split: str) -> list[Any]:
        if not run_id:
            return [map_view.nothing(networks.NO_RUNS), gr.skip()]
        context.expect_maps()
        return [gr.skip(), own.refreshed(context, split)]

    opened, _ = picker.wire(context, page, tab, wait.trouble, draw_button)
    opened.then(prepare, [picker.run, settings[0]], [chart, settings[0]], **QUIET)
    colours.wire(state, chart, wait, picker.run)
    checking: dict[str, Any] = {
        "fn": outdated_note,
        "inputs": [state, *picker.boxes, *settings],
        "outputs": note,
    }
    drawing = draw_button.click(
        draw, [*picker.boxes, *settings, colours.by], [state, chart, *wait.outputs], **QUIET
    )
    drawing.success(**colours.colouring_new, **QUIET).then(**chosen.placing, **QUIET)
    drawing.then(**checking, **QUIET)
    drawing.then(**beside_checking, **QUIET)
    follow(checking, [*picker.boxes, *settings])
    table_button.click(save_table, state, save, **QUIET)
    html_button.click(save_html, [state, colours.by], save, **QUIET)


def thumbnails(context: Context) -> Any:
    """The image under the pointer, for the map component."""

    def thumbnail(wanted: dict[str, Any]) -> str | None:
        try:
            run, split = context.store.get(str(wanted["run"])), own.allowed(context, wanted["split"])
            ids = (str(wanted["id"]),)
            found = context.worker.submit(inspection.image_records, run.path, split, ids).result(10)
        except (WorkError, RunError, KeyError, TypeError, TimeoutError):
            return None
        return data_uri(found[0].pixels) if found else None

    return thumbnail
