"""Where a question comes from: images of one's own, or one of the data set's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import ListFiles

from simsiam_core.features import inspection
from simsiam_core.features.worker import WorkError
from simsiam_core.runs import RunError
from simsiam_core.ui.cards import card, card_gallery, gallery
from simsiam_core.ui.context import QUIET, Context
from simsiam_core.ui.query import Query, query_by_id, upload_box
from simsiam_core.ui.widgets import told

GRID_IMAGES = 24
MOST_AT_ONCE = 50  # uploaded images to choose from
NAMED = 5  # of those that cannot be read
ANY_CLASS = "any class"


class Sources:
    """The two panels; `wire` has them fill the query and then ask, `browsing` shows images of the data set."""

    def __init__(self, context: Context, run_box: gr.Dropdown) -> None:
        self._context, self._run_box = context, run_box
        self._uploaded = gr.State([])  # the queries of the last upload
        self._seed = gr.State(0)
        with gr.Column(elem_classes="sheet"):
            gr.HTML("<h3>Your image</h3>", padding=False)
            self._upload = upload_box("neighbours-upload", camera=True)
            self._several = card_gallery("neighbours-uploaded")
        with gr.Column(elem_classes="sheet"):
            gr.HTML("<h3>Or one of the data set's</h3>", padding=False)
            self._of_class = gr.Dropdown(
                [ANY_CLASS],
                value=ANY_CLASS,
                label="Class",
                allow_custom_value=True,
                elem_id="neighbours-class",
            )
            self._grid = card_gallery("neighbours-grid")
            self._more = gr.Button("Show others", size="sm", elem_id="neighbours-others")

    @property
    def browsing(self) -> dict[str, Any]:
        """The event that fills the grid."""
        return {
            "fn": self._browse,
            "inputs": [self._run_box, self._seed, self._of_class],
            "outputs": [self._grid, self._of_class],
            **QUIET,
        }

    def wire(self, query: gr.State, asking: dict[str, Any]) -> None:
        """Whatever is given or clicked here becomes the query, which is then asked about."""
        self._upload.upload(
            self._take, [self._upload, self._run_box], [self._uploaded, query, self._several], **QUIET
        ).then(**asking, **QUIET)
        self._upload.clear(  # a refused image is not to stand above the neighbours of the one before
            lambda: ([], None, gallery([])), None, [self._uploaded, query, self._several], **QUIET
        ).then(**asking, **QUIET)
        self._several.click(_one_of, self._uploaded, query, **QUIET).then(**asking, **QUIET)
        self._grid.click(query_by_id, None, query, **QUIET).then(**asking, **QUIET)
        self._more.click(lambda n: n + 1, self._seed, self._seed, **QUIET).then(**self.browsing)
        self._of_class.input(**self.browsing)

    def _take(self, files: ListFiles, run_id: str) -> list[Any]:
        given = files.root[:MOST_AT_ONCE]
        queries = [Query(file=Path(file.path)) for file in given]
        first, cards, note = 0, list[Any](), ""
        if len(queries) > 1:
            try:
                contents = tuple(content for q in queries if isinstance(content := q.content(), bytes))
                run = self._context.store.get(run_id)
                seen = self._context.worker.submit(inspection.network_inputs, run.path, contents).result()
                cards = [card(str(i), pixels, None) for i, pixels in enumerate(seen) if pixels is not None]
                first = next((i for i, pixels in enumerate(seen) if pixels is not None), 0)
                unread = [_name(file) for file, pixels in zip(given, seen, strict=True) if pixels is None]
                note = _told(len(files.root), len(cards), unread)
            except (WorkError, RunError, OSError):
                cards = []  # the question about the first of them will say what is wrong
        return [queries, queries[first] if queries else None, gallery(cards, note=note, size=52)]

    def _browse(self, run_id: str, seed: int, label: str) -> Iterator[Any]:
        if not run_id:
            yield gr.skip(), gr.skip()
            return
        label_now = None if label == ANY_CLASS else label
        try:
            run = self._context.store.get(run_id)
            shown = None
            for part in ("test", "train"):  # images it has not learnt from, where there are any
                task = self._context.worker.submit(
                    inspection.browse, run.path, part, GRID_IMAGES, 0, seed, label_now
                )
                for fraction, text in task.watch():
                    if fraction > 0:
                        yield gallery([], empty=f"{text} … {fraction:.0%}"), gr.skip()
                try:
                    shown = task.result()
                    break
                except WorkError:
                    if part == "train":
                        raise
        except (WorkError, RunError) as error:
            yield gallery([], empty=str(error)), gr.update(value=ANY_CLASS)
            return
        assert shown is not None
        cards = [card(p.id, p.pixels, p.label) for p in shown.images]
        yield gallery(cards, size=56), gr.update(choices=[ANY_CLASS, *shown.classes])


def _name(file: Any) -> str:
    return str(file.orig_name or Path(file.path).name)


def _told(given: int, shown: int, unread: list[str]) -> str:
    """How many images there are to choose from, and which are not among them."""
    note = f"{shown} images; click the one to ask about."
    if unread:
        more = f" and {len(unread) - NAMED} more" if len(unread) > NAMED else ""
        note += f" Not readable: {', '.join(unread[:NAMED])}{more}."
    return note + (f" The first {MOST_AT_ONCE} of {given} are taken." if given > MOST_AT_ONCE else "")


def _one_of(queries: list[Query], event: gr.EventData) -> Any:
    index = int(told(event, "id")) if str(told(event, "id")).isdigit() else -1
    return queries[index] if 0 <= index < len(queries) else gr.skip()
