"""Map: what has it learned to separate?"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import ListFiles

from simsiam_core.config import ConfigError
from simsiam_core.features import inspection, maps
from simsiam_core.features.maps import Facts, Map, MapSettings
from simsiam_core.features.worker import Task, WorkError
from simsiam_core.runs import RunDirectory, RunError
from simsiam_core.ui import map_file, map_story, map_view, networks, own
from simsiam_core.ui.cards import card, card_gallery, data_uri, gallery
from simsiam_core.ui.chart import plotly_map
from simsiam_core.ui.context import QUIET, Context, Page
from simsiam_core.ui.query import MAX_UPLOAD_BYTES, Query
from simsiam_core.ui.saver import download, pictures_zip, saver, table
from simsiam_core.ui.widgets import widget
from simsiam_core.ui.words import problem, progress, run_name

SHOWN = 48
FACTS_AT_ONCE = 5000  # points whose neighbours are found while one waits
ATLAS_UP_TO = 20_000  # thumbnails inside an exported page
NOTHING_YET = "Press Draw map: PCA comes at once, UMAP when it is ready."


@dataclass(frozen=True, eq=False)
class Drawn:
    """The map on a page, and what is known of its points."""

    run: RunDirectory
    map: Map
    facts: Facts | None = None
    selected: tuple[int, ...] = ()

    @property
    def key(self) -> str:
        """Other maps have other zooms."""
        s = self.map.settings
        return f"{self.run.id} {self.map.checkpoint} {s}"


def thumbnails(context: Context) -> Any:
    """The picture under the pointer, for the map component."""

    def thumbnail(wanted: dict[str, Any]) -> str | None:
        try:
            run, split = context.store.get(str(wanted["run"])), own.allowed(context, wanted["split"])
            ids = (str(wanted["id"]),)
            found = context.worker.submit(inspection.pictures, run.path, split, ids).result(10)
        except (WorkError, RunError, KeyError, TypeError, TimeoutError):
            return None
        return data_uri(found[0].pixels) if found else None

    return thumbnail


def build(context: Context, page: Page, tab: gr.Tab) -> None:
    """The tab: how to draw on the left; the map and what is chosen on it on the right."""
    state = gr.State(None)  # a Drawn
    running = gr.State(None)
    with gr.Row(elem_classes="map-layout", equal_height=False):
        with gr.Column(min_width=280):
            with gr.Column(elem_classes="sheet"):
                gr.HTML("<h3>Network</h3>", padding=False)
                run_box, checkpoint_box = networks.pickers("map")
            with gr.Column(elem_classes="sheet"):
                gr.HTML("<h3>Map</h3>", padding=False)
                settings = _settings_form()
                draw_button = gr.Button("Draw map", variant="primary", elem_id="map-draw")
            with gr.Column(elem_classes="sheet"):
                gr.HTML("<h3>Place a picture on it</h3>", padding=False)
                upload = widget("picture", "map-upload", limit=MAX_UPLOAD_BYTES)
                upload.data_model = ListFiles
                wanted = gr.Textbox(
                    label="Or find points",
                    info="A class, or a part of an id; press Enter.",
                    elem_id="map-find",
                    max_lines=1,
                )
        with gr.Column(min_width=320):
            with gr.Column(elem_classes="sheet"):
                with gr.Row(equal_height=False):
                    colour = gr.Dropdown(
                        [(title, key) for key, title in map_view.COLOURINGS.items()],
                        value="label",
                        label="Colour by",
                        filterable=False,
                        elem_id="map-colour",
                    )
                    html_button = gr.Button("Save as HTML", size="sm", elem_id="map-html")
                    table_button = gr.Button("Save table", size="sm", elem_id="map-table")
                with gr.Row(elem_classes="neighbours-busy", visible=False) as busy:
                    message = gr.HTML(elem_id="map-progress", padding=False)
                    cancel = gr.Button("Cancel", size="sm", elem_id="map-cancel", min_width=90)
                trouble = gr.HTML(elem_id="map-message", padding=False)
                chart = plotly_map("map-plot", map_view.nothing(NOTHING_YET), thumbnails(context))
            with gr.Column(elem_classes="sheet"):
                gr.HTML("<h3>Chosen on the map</h3>", padding=False)
                chosen = card_gallery(
                    "map-gallery", gallery([], empty="Click a point, or draw a lasso around some.")
                )
                counts = widget("vote", "map-histogram", {})
                with gr.Row():
                    ask_button = gr.Button("Ask for the first one's neighbours", size="sm", elem_id="map-ask")
                    csv_button = gr.Button("Save list", size="sm", elem_id="map-csv")
                    zip_button = gr.Button("Save pictures", size="sm", elem_id="map-zip")
                save = saver("map-saver")
            story = map_story.build(
                context, page, thumbnails(context), running, (run_box, checkpoint_box), settings
            )
    shown = [state, chart, busy, message, running, trouble]
    given = [run_box, checkpoint_box, *settings]

    def draw(run_id: str, name: str, *given: Any) -> Iterator[Any]:
        *values, by = given
        yield [gr.skip(), gr.skip(), gr.skip(), gr.skip(), None, ""]
        try:
            run, wished = context.store.get(run_id), settings_of(context, tuple(values))
            for task, fraction, text in context.encoded(run, name, wished.split):
                yield [gr.skip(), gr.skip(), gr.update(visible=True), progress(fraction, text), task, ""]
            drawn = context.worker.submit(maps.cached_map, run.path, name, wished).result()
            final = drawn is not None
            if drawn is None:
                first = replace(wished, method="pca")
                drawn = context.worker.submit(maps.draw_map, run.path, name, first).result()
                final = wished.method == "pca"
            now = Drawn(run, drawn)
            yield [now, _value(now, by, final), gr.update(visible=not final), "", None, ""]
            if not final:
                umap = context.builder.submit(maps.draw_map, run.path, name, wished)
                for fraction, text in umap.watch():
                    yield [gr.skip(), gr.skip(), gr.update(visible=True), progress(fraction, text), umap, ""]
                now = Drawn(run, umap.result())
                yield [now, _value(now, by), gr.update(visible=False), "", None, ""]
            worker = context.worker if len(now.map.ids) <= FACTS_AT_ONCE else context.builder
            facts = worker.submit(maps.facts, run.path, name, wished)
            for fraction, text in facts.watch():
                yield [
                    gr.skip(),
                    gr.skip(),
                    gr.update(visible=fraction > 0),
                    progress(fraction, text),
                    facts,
                    "",
                ]
            now = replace(now, facts=facts.result())
            repaint = gr.update(paint=map_view.paint(now.map, now.facts, by))
            yield [now, repaint, gr.update(visible=False), "", None, ""]
        except (WorkError, RunError, ConfigError) as error:
            yield [gr.skip(), gr.skip(), gr.update(visible=False), "", None, problem(str(error))]

    def _value(now: Drawn, by: str, final: bool = True) -> Any:
        of = {"run": now.run.id, "split": now.map.settings.split}
        note = map_view.described(now.map, finished=final)
        value = map_view.geometry([now.map], [now.map.checkpoint], of=of, key=now.key, note=note)
        return gr.update(value=value, paint=map_view.paint(now.map, now.facts, by), marks={})

    def place(now: Drawn | None, query: Query | None) -> list[Any]:
        """Marks, gallery, histogram, state and trouble for a picture on the map."""
        if now is None or query is None:
            return [gr.skip()] * 5
        try:
            task = context.worker.submit(
                maps.place,
                now.run.path,
                now.map.checkpoint,
                now.map.settings,
                query.content(),
                region=query.region,
            )
            placed = task.result()
            found = context.worker.submit(
                inspection.pictures, now.run.path, now.map.settings.split, placed.ids
            ).result()
        except (WorkError, RunError, OSError) as error:
            return [gr.skip()] * 4 + [problem(str(error))]
        own_row = now.map.ids.index(query.id) if query.id in now.map.ids and query.region is None else None
        marks = map_view.marks_of(placed, query.id or "your picture", own_row)
        cards = [
            card(p.id, p.pixels, p.label, similarity=s)
            for p, s in zip(found, placed.similarities, strict=True)
        ]
        note = f"{query.id or 'Your picture'}: its true neighbours among the points, the nearest first. {placed.how}"
        return [
            gr.update(marks=marks),
            gallery(cards, note=f"{note} ({placed.seconds * 1000:.0f} ms)"),
            map_view.histogram(now.map, placed.rows),
            replace(now, selected=placed.rows),
            "",
        ]

    def select(now: Drawn | None, rows: list[int]) -> list[Any]:
        if now is None or not rows:
            return [gr.skip()] * 4
        ids = tuple(now.map.ids[row] for row in rows[:SHOWN])
        try:
            split = now.map.settings.split
            found = context.worker.submit(inspection.pictures, now.run.path, split, ids).result()
        except WorkError as error:
            return [gallery([], empty=str(error)), {}, gr.skip(), gr.skip()]
        note = f"{len(rows):,} points chosen" + (
            f"; the first {SHOWN} are shown." if len(rows) > SHOWN else "."
        )
        cards = [card(p.id, p.pixels, p.label) for p in found]
        now = replace(now, selected=tuple(rows))
        return [
            gallery(cards, note=note, size=64),
            map_view.histogram(now.map, rows),
            now,
            gr.update(marks={"selected": rows}),
        ]

    def lasso(now: Drawn | None, event: gr.EventData) -> list[Any]:
        known = {picture_id: row for row, picture_id in enumerate(now.map.ids)} if now else {}
        rows = [known[i] for i in event.ids if i in known] if isinstance(event.ids, list) else []
        *answer, _ = select(now, rows)
        return answer

    def find(now: Drawn | None, text: str) -> list[Any]:
        text = text.strip()
        if now is None or not text:
            return [gr.skip()] * 4
        if text in now.map.classes and now.map.labels is not None:
            rows = (now.map.labels == now.map.classes.index(text)).nonzero()[0].tolist()
        else:
            rows = [row for row, picture_id in enumerate(now.map.ids) if text in picture_id]
        if not rows:
            return [gallery([], empty=f"No point of this map is called {text!r}."), {}, gr.skip(), gr.skip()]
        return select(now, rows)

    def by_id(event: gr.EventData) -> Query:
        return Query(id=str(event.id))

    def ask_first(now: Drawn | None) -> list[Any]:
        if now is None or not now.selected:
            return [gr.skip()] * 3
        query = Query(id=now.map.ids[now.selected[0]])
        return [query, gr.Tabs(selected="neighbours"), {"tab": "neighbours"}]

    def save_list(now: Drawn | None) -> Any:
        if now is None or not now.selected:
            return gr.skip()
        return download("chosen.csv", "text/csv", table(*_rows(now, now.selected)))

    def save_pictures(now: Drawn | None) -> Any:
        if now is None or not now.selected:
            return gr.skip()
        ids = tuple(now.map.ids[row] for row in now.selected[:5000])
        found = context.worker.submit(inspection.pictures, now.run.path, now.map.settings.split, ids).result()
        return download("chosen.zip", "application/zip", pictures_zip((p.id, p.pixels) for p in found))

    def save_table(now: Drawn | None) -> Any:
        if now is None:
            return gr.skip()
        import pandas

        header, rows = _rows(now, range(len(now.map.ids)))
        buffer = io.BytesIO()
        pandas.DataFrame(rows, columns=header).to_parquet(buffer)
        return download("map.parquet", "application/octet-stream", buffer.getvalue())

    def save_html(now: Drawn | None, by: str) -> Any:
        if now is None:
            return gr.skip()
        found: Any = ()
        if len(now.map.ids) <= ATLAS_UP_TO:
            split = now.map.settings.split
            found = context.worker.submit(inspection.pictures, now.run.path, split, now.map.ids).result()
        title = f"{run_name(now.run.id)}, {networks.checkpoint_name(now.map.checkpoint)}"
        value = map_view.geometry(
            [now.map], [now.map.checkpoint], of=None, key="map", note=map_view.described(now.map)
        )
        page_ = map_file.map_file(
            title, value, map_view.paint(now.map, now.facts, by), [p.pixels for p in found]
        )
        return download("map.html", "text/html", page_)

    def refresh(ids: list[str], name: str | None, split: str) -> list[Any]:
        runs, names, run = networks.choices(context, ids, name)
        if run is not None:
            context.builder.submit(maps.warm_up)  # umap takes seconds to import: begin now
        empty = gr.skip() if run else map_view.nothing(networks.NO_RUNS)
        choices = own.banks(context)
        split = split if split in [value for _, value in choices] else "train"
        return [runs, names, empty, gr.update(choices=choices, value=split)]

    def use_run(run_id: str) -> list[Any]:
        try:
            run = context.store.get(run_id)
        except RunError as error:
            return [gr.skip(), gr.skip(), gr.skip(), problem(str(error))]
        return [networks.checkpoint_choices(run, None), [run.id], {"run": run.id}, ""]

    placed = [chart, chosen, counts, state, trouble]
    selection = [chosen, counts, state]
    latest: dict[str, Any] = {**QUIET, "trigger_mode": "always_last"}
    tab.select(
        refresh,
        [page.chosen, checkpoint_box, settings[0]],
        [run_box, checkpoint_box, chart, settings[0]],
        **QUIET,
    )
    run_box.input(use_run, run_box, [checkpoint_box, page.chosen, page.link, trouble], **QUIET)
    draw_button.click(draw, [*given, colour], shown, **QUIET).then(
        place, [state, page.query], placed, **QUIET
    )
    colour.input(
        lambda now, by: gr.update(paint=map_view.paint(now.map, now.facts, by)) if now else gr.skip(),
        [state, colour],
        chart,
        **QUIET,
    )
    upload.upload(lambda files: Query(file=Path(files.root[-1].path)), upload, page.query, **QUIET).then(
        place, [state, page.query], placed, **QUIET
    )
    for source in (chart, chosen):
        source.click(by_id, None, page.query, **latest).then(place, [state, page.query], placed, **latest)
    chart.select(lasso, state, selection, **latest)
    wanted.submit(find, [state, wanted], [*selection, chart], **QUIET)
    ask_button.click(ask_first, state, [page.query, page.tabs, page.link], **QUIET)
    csv_button.click(save_list, state, save, **QUIET)
    zip_button.click(save_pictures, state, save, **QUIET)
    table_button.click(save_table, state, save, **QUIET)
    html_button.click(save_html, [state, colour], save, **QUIET)
    cancel.click(_cancel, running, None, **QUIET)
    story(state, chart)


def _settings_form() -> list[Any]:
    """Controls in the order of `settings_of`."""
    split = gr.Dropdown(
        own.SPLITS, value="train", label="Pictures", allow_custom_value=True, elem_id="map-split"
    )
    method = gr.Radio([("UMAP", "umap"), ("PCA", "pca")], value="umap", label="Method", elem_id="map-method")
    dimensions = gr.Radio([("2D", 2), ("3D", 3)], value=2, label="Dimensions", elem_id="map-dimensions")
    sample = gr.Slider(
        500,
        50_000,
        5000,
        step=500,
        label="Points",
        info="Stratified over classes.",
        elem_id="map-sample",
        buttons=[],
    )
    with gr.Accordion("More: neighbours, distance, metric", open=False, elem_classes="form-more"):
        near = gr.Slider(2, 100, 15, step=1, label="UMAP neighbours", elem_id="map-neighbours", buttons=[])
        min_dist = gr.Slider(0, 1, 0.1, step=0.01, label="Least distance", elem_id="map-min-dist", buttons=[])
        metric = gr.Dropdown(
            ["cosine", "euclidean", "manhattan"], value="cosine", label="Metric", filterable=False
        )
    return [split, method, dimensions, sample, near, min_dist, metric]


def settings_of(context: Context, values: tuple[Any, ...]) -> MapSettings:
    """The settings a form's values stand for. Raises ConfigError or WorkError."""
    split, method, dimensions, sample, near, min_dist, metric = values
    return MapSettings(
        method=method,
        split=own.allowed(context, split),
        sample=int(sample),
        dimensions=int(dimensions),
        neighbours=int(near),
        min_dist=float(min_dist),
        metric=metric,
    )


def _rows(now: Drawn, rows: Any) -> tuple[list[str], list[list[Any]]]:
    """A table of points: id, coordinates, label, prediction and confidence where there are any."""
    drawn, facts = now.map, now.facts
    header = ["id", *"xyz"[: drawn.settings.dimensions]]
    columns: list[Any] = [drawn.coordinates[:, d].tolist() for d in range(drawn.settings.dimensions)]
    if drawn.labels is not None:
        header.append("label")
        columns.append([drawn.classes[i] for i in drawn.labels])
    if facts is not None and facts.predictions is not None and facts.confidence is not None:
        header += ["prediction", "confidence"]
        columns += [[drawn.classes[i] for i in facts.predictions], facts.confidence.tolist()]
    return header, [[drawn.ids[row], *(column[row] for column in columns)] for row in rows]


def _cancel(task: Task[Any] | None) -> None:
    if task is not None:
        task.cancel()
