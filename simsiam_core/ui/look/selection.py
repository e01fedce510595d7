"""Points chosen on the map: under a lasso, or found by class or id."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from simsiam_core.features import inspection
from simsiam_core.features.worker import WorkError
from simsiam_core.ui.components.download import download, images_zip, saver, table
from simsiam_core.ui.components.images import card, card_gallery, gallery
from simsiam_core.ui.components.latest import ASKING, Latest, Updates
from simsiam_core.ui.components.widget import widget
from simsiam_core.ui.context import QUIET, Context
from simsiam_core.ui.look import canvas
from simsiam_core.ui.look.drawn_map import Drawn
from simsiam_core.ui.text import problem, stamp

SHOWN = 48
SAVED_IMAGES = 5000
Rows = tuple[Drawn, tuple[int, ...]]  # points of a map


class Chosen:
    """The panel, which stands there once something is chosen."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._rows, self._latest = gr.State(None), gr.State(Latest())
        self._find = gr.Textbox(
            label="Find points",
            info="A class, or a part of an id; press Enter.",
            elem_id="map-find",
            max_lines=1,
        )
        with gr.Column(visible=False) as self._panel:
            gr.HTML("<h3>Chosen on the map</h3>", padding=False)
            self.gallery = card_gallery("map-gallery")
            self._counts = widget("components/vote", "map-histogram", {})
            with gr.Row():
                self._csv = gr.Button("Save list", size="sm", elem_id="map-csv")
                self._zip = gr.Button("Save images", size="sm", elem_id="map-zip")
        self._missing = gr.HTML(elem_id="map-find-message", padding=False)
        self._save = saver("map-saver")

    def wire(self, drawn: gr.State, chart: gr.HTML) -> None:
        """Connect the panel with the map."""
        self._chart = chart
        outputs = [self._panel, self.gallery, self._counts, self._rows, self._missing]
        chart.select(self._lasso, [self._latest, drawn], outputs, **ASKING)
        self._find.submit(self._found, [self._latest, drawn, self._find], [*outputs, chart], **ASKING)
        self._csv.click(self._save_list, self._rows, self._save, **QUIET)
        self._zip.click(self._save_images, self._rows, self._save, **QUIET)

    def _lasso(self, latest: Latest, now: Drawn | None, event: gr.EventData) -> Iterator[Updates]:
        rows = now.chosen(event) if now else []
        if now is None or not rows:
            yield gr.skip()
        else:
            yield from latest.only(self._select(now, rows), gr.skip())

    def _found(self, latest: Latest, now: Drawn | None, text: str) -> Iterator[Updates]:
        text = text.strip()
        if now is None or not text:
            yield gr.skip()
            return
        drawn = now.map
        if text in drawn.classes and drawn.labels is not None:
            rows = (drawn.labels == drawn.classes.index(text)).nonzero()[0].tolist()
        else:
            rows = [row for row, image_id in enumerate(drawn.ids) if text in image_id]
        answers = self._marked(now, rows) if rows else iter([self._nothing(text)])
        yield from latest.only(answers, gr.skip())

    def _nothing(self, text: str) -> Updates:
        sentence = f"No point of this map is of a class {text!r} or has that in its id."
        return {self._panel: gr.update(visible=False), self._rows: None, self._missing: stamp(sentence)}

    def _marked(self, now: Drawn, rows: list[int]) -> Iterator[Updates]:
        for update in self._select(now, rows):
            yield update | {self._chart: gr.update(marks=canvas.selected(rows))}

    def _select(self, now: Drawn, rows: list[int]) -> Iterator[Updates]:
        """Gallery and histogram for some points."""
        try:
            found = _images(self._context, now, tuple(rows[:SHOWN]))
        except WorkError as error:
            yield {self._missing: problem(str(error))}
            return
        some = f"{len(rows):,} point{'s' if len(rows) > 1 else ''} chosen"
        note = some + (f"; the first {SHOWN} are shown." if len(rows) > SHOWN else ".")
        cards = [card(p.id, p.pixels, p.label) for p in found]
        yield {
            self._panel: gr.update(visible=True),
            self.gallery: gallery(cards, note=note, size=64),
            self._counts: canvas.histogram(now.map, rows),
            self._rows: (now, tuple(rows)),
            self._missing: "",
        }

    def _save_list(self, chosen: Rows | None) -> Any:
        if chosen is None:
            return gr.skip()
        now, rows = chosen
        return download("chosen.csv", "text/csv", table(*now.table(rows)))

    def _save_images(self, chosen: Rows | None) -> Any:
        if chosen is None:
            return gr.skip()
        now, rows = chosen
        found = _images(self._context, now, rows[:SAVED_IMAGES])
        return download("chosen.zip", "application/zip", images_zip((p.id, p.pixels) for p in found))


def _images(context: Context, now: Drawn, rows: tuple[int, ...]) -> tuple[inspection.ImageRecord, ...]:
    """The images of some points. Raises WorkError."""
    ids = tuple(now.map.ids[row] for row in rows)
    return context.worker.submit(inspection.image_records, now.run.path, now.map.settings.split, ids).result()
