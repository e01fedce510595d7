"""Neighbours: what does it think is alike?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from simsiam_core.features import compare
from simsiam_core.features.retrieval import Answer, Question, neighbours
from simsiam_core.features.worker import WorkError
from simsiam_core.runs import RunError
from simsiam_core.ui import neighbours_view, networks, own
from simsiam_core.ui.cards import card_gallery, gallery
from simsiam_core.ui.context import LATEST, QUIET, Context, Page
from simsiam_core.ui.freshness import note_box
from simsiam_core.ui.neighbours_sources import Sources
from simsiam_core.ui.neighbours_zip import OwnZip
from simsiam_core.ui.query import Query, query_by_id, query_by_region
from simsiam_core.ui.saver import download, images_zip, saver, table
from simsiam_core.ui.waiting import waiting
from simsiam_core.ui.widgets import widget

MOST_BESIDE = 5
NO_QUERY = "Upload an image, or click one of the data set's, to see what the network finds alike."


def build(context: Context, page: Page, tab: gr.Tab) -> None:
    """The tab: the question on the left, the answer on the right."""
    query = page.query
    result = gr.State(None)  # the last Answer
    with gr.Row(elem_classes="neighbours-layout", equal_height=False):
        with gr.Column(scale=4, min_width=300):
            with gr.Column(elem_classes="sheet"):
                gr.HTML("<h3>Network</h3>", padding=False)
                picker = networks.picker("neighbours")
                through = gr.Slider(
                    0, 1, 1, step=1, label="Through training", elem_id="neighbours-through", buttons=[]
                )
                others = gr.Dropdown(
                    label="Beside it",
                    multiselect=True,
                    max_choices=MOST_BESIDE,
                    allow_custom_value=True,
                    info="More checkpoints to put the same question to.",
                    elem_id="neighbours-beside",
                )
            sources = Sources(context, picker.run)
        with gr.Column(scale=8, min_width=320):
            with gr.Column(elem_classes="sheet has-answer waits"):
                k, temperature, split, hide = _settings_form()
                zipped = OwnZip(context)
                wait = waiting("neighbours")
                note = note_box("neighbours-outdated")
                with gr.Row(elem_classes="neighbours-answer answer", equal_height=False):
                    with gr.Column(scale=2, min_width=170):
                        asked = widget("region", "neighbours-query", {})
                    with gr.Column(scale=6, min_width=260):
                        votes = widget("vote", "neighbours-vote", {})
                found = card_gallery("neighbours-gallery", gallery([], empty=NO_QUERY), elem_classes="answer")
                with gr.Row():
                    csv_button = gr.Button("Save list", size="sm", elem_id="neighbours-csv")
                    zip_button = gr.Button("Save images", size="sm", elem_id="neighbours-pictures")
                    map_button = gr.Button("Show on the map", size="sm", elem_id="neighbours-map")
                save = saver("neighbours-saver")
            with gr.Column(elem_classes="sheet", visible=False) as beside_panel:
                gr.HTML("<h3>Beside each other</h3>", padding=False)
                answers = widget("answers", "neighbours-answers", {})

    def ask(
        asked_now: Query | None,
        run_id: str,
        name: str,
        among: str,
        k_now: int,
        t: float,
        hidden: bool,
        beside: list[str] | None,
    ) -> Iterator[Any]:
        same = [gr.skip()] * 7
        if not run_id:
            yield [*wait.over(), *same]
            return
        if asked_now is None:  # whoever took the image back has said why
            yield [*wait.same(), *nothing(NO_QUERY)]
            return
        try:
            run, content = context.store.get(run_id), asked_now.content()
            among = own.allowed(context, among)
            question = Question(among, content, int(k_now), t, asked_now.region, bool(hidden))
            for task, fraction, text in context.encoded(run, name, among):
                yield [*wait.at(task, fraction, text), *same]
            one = context.worker.submit(neighbours, run.path, name, question).result()
            shown = neighbours_view.answer_values(one, own.split_name(among), asked_now.region)
            yield [*wait.over(), *shown, one, gr.update(visible=bool(beside)), {}, ""]
            if not beside:
                return
            every = [(run, name), *(networks.network(context, ref) for ref in beside[:MOST_BESIDE])]
            for other, checkpoint in every:
                for task, fraction, text in context.encoded(other, checkpoint, among):
                    yield [*wait.at(task, fraction, text), *same]
            pairs = tuple((other.path, checkpoint) for other, checkpoint in every)
            results = context.worker.submit(compare.ask_all, pairs, question).result()
            titles = [networks.title(*network) for network in every]
            yield [*wait.over(), *[gr.skip()] * 5, neighbours_view.beside(results, titles), gr.skip()]
        except (WorkError, RunError, OSError) as error:
            yield [*wait.failed(error), *nothing("There is no answer; the sentence above says why.")]

    def nothing(sentence: str) -> list[Any]:
        """No answer, and no former one: for the outputs of `ask` that follow those of `wait`."""
        return [{}, {}, gallery([], empty=sentence), None, gr.update(visible=False), {}, ""]

    def prepare(
        asked_now: Query | None, run_id: str, name: str | None, among: str, beside: list[str] | None
    ) -> list[Any]:
        """The slider, what may stand beside the network and where to look, for a tab just opened."""
        if not run_id:
            return [gallery([], empty=networks.NO_RUNS), *[gr.skip()] * 3]
        invitation = gr.skip() if asked_now else gallery([], empty=NO_QUERY)
        return [invitation, *_through(run_id, name, beside), own.refreshed(context, among)]

    def ask_again(asked_now: Query | None, *given: Any) -> Iterator[Any]:
        """For a tab just opened: without a query it says nothing, which might come after a new query's answer."""
        if asked_now is not None:
            yield from ask(asked_now, *given)

    def _through(run_id: str, name: str | None, beside: list[str] | None = None) -> list[Any]:
        """The slider over the run's checkpoints, and what may stand beside the chosen one."""
        try:
            run = context.store.get(run_id)
        except RunError:
            return [gr.skip(), gr.skip()]
        names, choices = networks.in_order(run), networks.others(context, run)
        position = names.index(name) if name in names else len(names) - 1
        kept = [ref for ref in beside or [] if ref in [value for _, value in choices]]
        return [
            gr.update(maximum=max(len(names) - 1, 1), value=position, interactive=len(names) > 1),
            gr.update(choices=choices, value=kept),
        ]

    def step(run_id: str, position: float) -> Any:
        try:
            names = networks.in_order(context.store.get(run_id))
        except RunError:
            return gr.skip()
        return names[min(max(int(position), 0), len(names) - 1)] if names else gr.skip()

    def save_list(now: Answer | None) -> Any:
        if now is None:
            return gr.skip()
        return download("neighbours.csv", "text/csv", table(*neighbours_view.rows_of(now)))

    def save_images(now: Answer | None) -> Any:
        if now is None:
            return gr.skip()
        content = images_zip((n.id, n.pixels) for n in now.neighbours)
        return download("neighbours.zip", "application/zip", content)

    asking = {
        "fn": ask,
        "inputs": [query, *picker.boxes, split, k, temperature, hide, others],
        "outputs": [*wait.outputs, asked, votes, found, result, beside_panel, answers, note],
    }
    opened, changed = picker.wire(context, page, tab, wait.trouble)
    preparing = (prepare, [query, *picker.boxes, split, others], [found, through, others, split])
    asking_again = {**asking, "fn": ask_again}
    for event in (opened, changed):
        event.success(*preparing, **QUIET).then(**sources.browsing).then(**asking_again, **QUIET)
    gr.on(
        [picker.checkpoint.input, split.input, k.release, temperature.release, hide.input, others.input],
        **asking,
        **LATEST,
    )
    picker.checkpoint.input(lambda *given: _through(*given)[0], picker.boxes, through, **QUIET)
    through.input(step, [picker.run, through], picker.checkpoint, **LATEST).then(**asking, **LATEST)
    sources.wire(query, asking)
    asked.select(query_by_region, query, query, **QUIET).then(**asking, **QUIET)
    zipped.wire(split, note, asking)
    for images in (found, answers):
        images.click(query_by_id, None, query, **QUIET).then(**asking, **QUIET)
    csv_button.click(save_list, result, save, **QUIET)
    zip_button.click(save_images, result, save, **QUIET)
    map_button.click(lambda: (gr.Tabs(selected="map"), {"tab": "map"}), None, [page.tabs, page.link], **QUIET)


def _settings_form() -> tuple[gr.Slider, gr.Slider, gr.Dropdown, gr.Checkbox]:
    """How many, how they vote, where they are looked for, and whether the query's own class is left out."""
    with gr.Row(elem_classes="neighbours-options"):
        k = gr.Slider(1, 200, 20, step=1, label="Neighbours (k)", elem_id="neighbours-k", buttons=[])
        temperature = gr.Slider(
            0.01,
            1,
            0.1,
            step=0.01,
            label="Temperature (T)",
            info="A vote weighs exp(similarity / T).",
            elem_id="neighbours-temperature",
            buttons=[],
        )
        split = own.chooser("neighbours-split", "Look among")
        hide = gr.Checkbox(label="Hide its own class", elem_id="neighbours-hide")
    return k, temperature, split, hide
