"""What is chosen on the map: an image placed among its neighbours, or points under a lasso."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from simsiam_core.features import inspection, maps
from simsiam_core.features.worker import WorkError
from simsiam_core.ui import map_view
from simsiam_core.ui.cards import card, card_gallery, gallery
from simsiam_core.ui.context import LATEST, QUIET, Context, Page
from simsiam_core.ui.map_drawn import Drawn
from simsiam_core.ui.query import Query, query_by_id
from simsiam_core.ui.saver import download, images_zip, saver, table
from simsiam_core.ui.widgets import widget
from simsiam_core.ui.words import problem

NOTHING_CHOSEN = "Click a point, draw a lasso around some, or find them by class or id."
SHOWN = 48
SAVED_IMAGES = 5000


class Chosen:
    """The panel; `place` and `asking` are used by whatever else puts an image on the map."""

    def __init__(self, context: Context, state: gr.State) -> None:
        self._context, self._state = context, state
        with gr.Column(elem_classes="sheet"):
            gr.HTML("<h3>Chosen on the map</h3>", padding=False)
            self._gallery = card_gallery("map-gallery", gallery([], empty=NOTHING_CHOSEN))
            self._counts = widget("vote", "map-histogram", {})
            with gr.Row():
                self._ask = gr.Button("Ask for the first one's neighbours", size="sm", elem_id="map-ask")
                self._csv = gr.Button("Save list", size="sm", elem_id="map-csv")
                self._zip = gr.Button("Save images", size="sm", elem_id="map-zip")
            self._save = saver("map-saver")

    def wire(self, page: Page, chart: gr.HTML, upload: gr.HTML, find: gr.Textbox, trouble: gr.HTML) -> None:
        """Connect the panel with the map and with what finds or places points on it."""
        self.placing: dict[str, Any] = {
            "fn": self._place,
            "inputs": [self._state, page.query],
            "outputs": [chart, self._gallery, self._counts, self._state, trouble],
        }
        upload.upload(lambda files: Query(file=Path(files.root[-1].path)), upload, page.query, **QUIET).then(
            **self.placing, **QUIET
        )
        upload.clear(lambda: None, None, page.query, **QUIET).then(**self.placing, **QUIET)
        self.asks_by_click(page, chart, self._gallery)
        chart.select(self._lasso, self._state, [self._gallery, self._counts, self._state], **LATEST)
        find.submit(
            self._find, [self._state, find], [self._gallery, self._counts, self._state, chart], **QUIET
        )
        self._ask.click(self._ask_first, self._state, [page.query, page.tabs, page.link], **QUIET)
        self._csv.click(self._save_list, self._state, self._save, **QUIET)
        self._zip.click(self._save_images, self._state, self._save, **QUIET)

    def asks_by_click(self, page: Page, *sources: gr.HTML) -> None:
        """A click on an image or point places it on the map and shows its neighbours."""
        for source in sources:
            source.click(query_by_id, None, page.query, **LATEST).then(**self.placing, **LATEST)

    def _place(self, now: Drawn | None, query: Query | None) -> list[Any]:
        """Marks, gallery, histogram, state and trouble for an image on the map."""
        if now is None:
            later = "There is no map yet. Press Draw map; the image is placed on it then."
            return [*[gr.skip()] * 4, problem(later) if query else gr.skip()]
        unmarked, empty = gr.update(marks=map_view.selected([])), gallery([], empty=NOTHING_CHOSEN)
        nothing = [unmarked, empty, {}, replace(now, selected=())]
        if query is None:
            return [*nothing, gr.skip()]
        network = (now.run.path, now.map.checkpoint, now.map.settings)
        try:
            placed = self._context.worker.submit(
                maps.place, *network, query.content(), region=query.region
            ).result()
            found = self._images(now, placed.ids)
        except (WorkError, OSError) as error:
            return [*nothing, problem(str(error))]
        whole = query.id if query.region is None else None
        own_row = now.map.ids.index(whole) if whole in now.map.ids else None
        cards = [
            card(p.id, p.pixels, p.label, similarity=s)
            for p, s in zip(found, placed.similarities, strict=True)
        ]
        title = query.id or "Your image"
        note = f"{title}: its true neighbours among the points, the nearest first. {placed.how}"
        return [
            gr.update(marks=map_view.marks_of(placed, query.id or "your image", own_row)),
            gallery(cards, note=f"{note} ({placed.seconds * 1000:.0f} ms)"),
            map_view.histogram(now.map, placed.rows),
            replace(now, selected=placed.rows),
            "",
        ]

    def _images(self, now: Drawn, ids: tuple[str, ...]) -> tuple[inspection.ImageRecord, ...]:
        task = self._context.worker.submit(
            inspection.image_records, now.run.path, now.map.settings.split, ids
        )
        return task.result()

    def _select(self, now: Drawn, rows: list[int]) -> list[Any]:
        """Gallery, histogram and state for some points."""
        try:
            found = self._images(now, tuple(now.map.ids[row] for row in rows[:SHOWN]))
        except WorkError as error:
            return [gallery([], empty=str(error)), {}, gr.skip()]
        some = f"{len(rows):,} point{'s' if len(rows) > 1 else ''} chosen"
        note = some + (f"; the first {SHOWN} are shown." if len(rows) > SHOWN else ".")
        cards = [card(p.id, p.pixels, p.label) for p in found]
        return [
            gallery(cards, note=note, size=64),
            map_view.histogram(now.map, rows),
            replace(now, selected=tuple(rows)),
        ]

    def _lasso(self, now: Drawn | None, event: gr.EventData) -> list[Any]:
        rows = now.chosen(event) if now else []
        return self._select(now, rows) if now and rows else [gr.skip()] * 3

    def _find(self, now: Drawn | None, text: str) -> list[Any]:
        text = text.strip()
        if now is None or not text:
            return [gr.skip()] * 4
        if text in now.map.classes and now.map.labels is not None:
            rows = (now.map.labels == now.map.classes.index(text)).nonzero()[0].tolist()
        else:
            rows = [row for row, image_id in enumerate(now.map.ids) if text in image_id]
        if not rows:
            sentence = f"No point of this map is of a class {text!r} or has that in its id."
            return [gallery([], empty=sentence), {}, gr.skip(), gr.skip()]
        return [*self._select(now, rows), gr.update(marks=map_view.selected(rows))]

    def _ask_first(self, now: Drawn | None) -> list[Any]:
        if now is None or not now.selected:
            return [gr.skip()] * 3
        query = Query(id=now.map.ids[now.selected[0]])
        return [query, gr.Tabs(selected="neighbours"), {"tab": "neighbours"}]

    def _save_list(self, now: Drawn | None) -> Any:
        if now is None or not now.selected:
            return gr.skip()
        return download("chosen.csv", "text/csv", table(*now.table(now.selected)))

    def _save_images(self, now: Drawn | None) -> Any:
        if now is None or not now.selected:
            return gr.skip()
        found = self._images(now, tuple(now.map.ids[row] for row in now.selected[:SAVED_IMAGES]))
        return download("chosen.zip", "application/zip", images_zip((p.id, p.pixels) for p in found))
