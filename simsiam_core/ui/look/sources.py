"""Where a question comes from: images of one's own, or one of the data set's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import ListFiles

from simsiam_core.features import inspection
from simsiam_core.features.folder_split import folder_of
from simsiam_core.features.worker import WorkError
from simsiam_core.runs import RunError
from simsiam_core.ui.components.images import card, card_gallery, gallery
from simsiam_core.ui.components.latest import ASKING
from simsiam_core.ui.components.question import Query, query_by_id, upload_box
from simsiam_core.ui.components.widget import event_value
from simsiam_core.ui.context import LATEST, QUIET, Context, Page
from simsiam_core.ui.context_bar.network import ChosenNetwork

GRID_IMAGES = 24
MOST_AT_ONCE = 50  # uploaded images to choose from
NAMED = 5  # of those that cannot be read
ANY_CLASS = "any class"


class Sources:
    """What a question is asked about. `upload` stands first, so that the answer is near it; `grid` below the answer."""

    def __init__(self, context: Context, page: Page) -> None:
        self._context, self._page = context, page
        self._uploaded = gr.State([])  # the queries of the last upload
        self._seed = gr.State(0)
        with gr.Column(elem_classes="sheet"):
            gr.HTML("<h3>Your image</h3>", padding=False)
            self.upload = upload_box("neighbours-upload", camera=True)
            self._several = card_gallery("neighbours-uploaded")

    def grid(self) -> None:
        """The panel with images of the data set."""
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
            "inputs": [self._page.network, self._seed, self._of_class],
            "outputs": [self._grid, self._of_class],
            **LATEST,
        }

    def wire(self, asking: dict[str, Any]) -> None:
        """Whatever is given or clicked here becomes the query, which is then asked about."""
        query, network = self._page.query, self._page.network
        taken = [self._uploaded, query, self._several]
        self.upload.upload(self._take, [self.upload, network], taken, **ASKING).then(**asking, **ASKING)
        self.upload.clear(  # a refused image is not to stand above the neighbours of the one before
            lambda: ([], None, gallery([])), None, taken, **QUIET
        ).then(**asking, **ASKING)
        self._several.click(_one_of, self._uploaded, query, **ASKING).then(**asking, **ASKING)
        self._grid.click(query_by_id, None, query, **ASKING).then(**asking, **ASKING)
        self._more.click(lambda n: n + 1, self._seed, self._seed, **QUIET).then(**self.browsing)
        self._of_class.input(**self.browsing)

    def _take(self, files: ListFiles, network: ChosenNetwork | None) -> list[Any]:
        given = files.root[:MOST_AT_ONCE]
        queries = [Query(file=Path(file.path), name=_name(file)) for file in given]
        if not queries or network is None:
            return [queries, queries[0] if queries else None, gallery([])]
        try:
            contents = tuple(content for q in queries if isinstance(content := q.content(), bytes))
            run = network.directory(self._context)
            seen = self._context.worker.submit(inspection.network_inputs, run.path, contents).result()
        except (WorkError, RunError, OSError):
            return [
                queries,
                queries[0],
                gallery([]),
            ]  # the question about the first of them will say what is wrong
        cards = [card(str(i), pixels, None) for i, pixels in enumerate(seen) if pixels is not None]
        first = next((i for i, pixels in enumerate(seen) if pixels is not None), 0)
        unread = [_name(file) for file, pixels in zip(given, seen, strict=True) if pixels is None]
        note = _told(len(files.root), len(cards), unread) if len(queries) > 1 else ""
        return [queries, queries[first], gallery(cards, note=note, size=52)]

    def _browse(self, network: ChosenNetwork | None, seed: int, label: str) -> Iterator[Any]:
        if network is None:
            yield gr.skip(), gr.skip()
            return
        label_now = None if label == ANY_CLASS else label
        try:
            run = network.directory(self._context)
            # Images it has not learnt from, where there are any.
            parts = [network.images] if folder_of(network.images) else ["test", "train"]
            shown = None
            for part in parts:
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
                    if part == parts[-1]:
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
    index = int(event_value(event, "id")) if str(event_value(event, "id")).isdigit() else -1
    return queries[index] if 0 <= index < len(queries) else gr.skip()
