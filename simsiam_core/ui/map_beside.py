"""Below the map: two networks' maps of the same images, beside each other, and the images they differ on most."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from simsiam_core.config import ConfigError
from simsiam_core.features import compare
from simsiam_core.features.inspection import ImageRecord
from simsiam_core.features.worker import WorkError
from simsiam_core.runs import RunError
from simsiam_core.ui import map_view, networks
from simsiam_core.ui.cards import data_uri
from simsiam_core.ui.chart import plotly_map
from simsiam_core.ui.context import LATEST, QUIET, Context, Page
from simsiam_core.ui.freshness import follow, note_box, outdated
from simsiam_core.ui.map_drawn import Drawn
from simsiam_core.ui.waiting import waiting
from simsiam_core.ui.widgets import widget

MOVERS = 24


def build(
    context: Context, page: Page, tab: gr.Tab, state: gr.State, main: gr.HTML, thumbnail: Any
) -> tuple[gr.HTML, gr.HTML, gr.HTML, dict[str, Any]]:
    """The panel; `main` is the map above, `state` its `Drawn`.

    Returns its two maps, its list of images, and the event that says whether it still belongs to the map above.
    """
    pair = gr.State(None)  # (Drawn, Drawn), of the same images
    with gr.Column(elem_classes="sheet has-answer"):
        gr.HTML("<h3>Beside another network</h3>", padding=False)
        with gr.Row(equal_height=False, elem_classes="map-tools"):
            picker = networks.picker("second")
            small = {"variant": "secondary", "size": "sm", "min_width": 110}
            compare_button = networks.ask_button("Compare", "second-draw", **small)
        wait = waiting("second")
        note = note_box("second-outdated")
        with gr.Row(elem_classes="map-pair answer", equal_height=False):
            first = plotly_map(
                "first-plot", map_view.nothing("The map above, once it is compared."), thumbnail
            )
            second = plotly_map(
                "second-plot",
                map_view.nothing("The same images as a second network lays them out."),
                thumbnail,
            )
        moved = widget("findings", "second-movers", {"rows": []}, elem_classes="answer")

    def draw(now: Drawn | None, run_id: str, name: str) -> Iterator[Any]:
        same = [gr.skip()] * 4
        if now is None:
            yield [*same, *wait.failed("Draw the first map, above; then it can be compared.")]
            return
        try:
            run, wished = context.store.get(run_id), now.map.settings
            for task, fraction, text in context.encoded(run, name, wished.split):
                yield [*same, *wait.at(task, fraction, text)]
            ours, theirs = (now.run.path, now.map.checkpoint), (run.path, name)
            drawing = context.mapper.submit(compare.second_map, ours, theirs, wished)
            for update in wait.follow(drawing):
                yield [*same, *update]
            asking = context.builder.submit(
                compare.movers, ours, theirs, wished.split, wished.sample, limit=MOVERS
            )
            for update in wait.follow(asking):
                yield [*same, *update]
            other, found = Drawn(run, drawing.result()), asking.result()
        except (WorkError, RunError, ConfigError) as error:
            yield [*same, *wait.failed(error)]
            return
        yield [(now, other), _shown(now), _shown(other), _movers(found), *wait.over()]

    def link(to: int) -> Any:
        """The points chosen on one map, chosen on the other: they are the same images."""

        def chosen(both: tuple[Drawn, Drawn] | None, event: gr.EventData) -> Any:
            if both is None:
                return gr.skip()
            return gr.update(marks=map_view.selected(both[to].chosen(event)))

        return chosen

    picker.wire_alone(context, page, tab, compare_button)
    outputs = [pair, first, second, moved, *wait.outputs]
    checking: dict[str, Any] = {
        "fn": _outdated_note,
        "inputs": [pair, state, *picker.boxes],
        "outputs": note,
    }
    compare_button.click(draw, [state, *picker.boxes], outputs, **QUIET).then(**checking, **QUIET)
    follow(checking, picker.boxes)
    first.select(link(1), pair, second, **LATEST)
    second.select(link(0), pair, first, **LATEST)
    for index, chart in enumerate((first, second)):
        main.select(link(index), pair, chart, **LATEST)
    return first, second, moved, checking


def _outdated_note(both: tuple[Drawn, Drawn] | None, now: Drawn | None, run_id: str, name: str) -> str:
    if both is None or now is None:
        return ""
    first, second = both
    if first.key == now.key and (second.run.id, second.map.checkpoint) == (run_id, name):
        return ""
    titles = " beside ".join(networks.title(drawn.run, drawn.map.checkpoint) for drawn in both)
    return outdated(titles, "Press Compare for the map above and the network chosen now.")


def _shown(drawn: Drawn) -> Any:
    title = networks.title(drawn.run, drawn.map.checkpoint)
    value = drawn.value(f"{title}. {map_view.described(drawn.map)}")
    return gr.update(value=value, paint=drawn.paint("label"), marks={})


def _movers(found: tuple[compare.Mover, ...]) -> dict[str, Any]:
    """The images whose neighbours differ most, with some of those that left and came."""
    rows = [
        {
            "image": _record(mover.image, mover.image.label),
            "title": f"{mover.image.label or ''} {mover.image.id}".strip(),
            "note": f"{mover.kept:.0%} of its neighbours are the same in both",
            "evidence": [
                *(_record(p, f"left: {p.label or p.id}") for p in mover.left),
                *(_record(p, f"came: {p.label or p.id}") for p in mover.came),
            ],
        }
        for mover in found
    ]
    note = "The biggest movers: the images whose neighbours the two networks agree on least."
    return {"rows": rows, "note": note, "empty": ""}


def _record(image: ImageRecord, label: str | None) -> dict[str, Any]:
    return {"id": image.id, "src": data_uri(image.pixels), "label": label}
