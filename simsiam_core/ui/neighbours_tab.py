"""Neighbours: what does it think is alike?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import ListFiles

from simsiam_core.config import ConfigError
from simsiam_core.features import compare, inspection, unpacking
from simsiam_core.features.inspection import Answer
from simsiam_core.features.worker import Task, WorkError
from simsiam_core.runs import RunError
from simsiam_core.ui import neighbours_view, networks, own
from simsiam_core.ui.cards import card, card_gallery, gallery
from simsiam_core.ui.context import QUIET, Context, Page
from simsiam_core.ui.query import MAX_UPLOAD_BYTES, Query, region_of
from simsiam_core.ui.saver import download, pictures_zip, saver, table
from simsiam_core.ui.widgets import widget
from simsiam_core.ui.words import problem, progress, run_name

GRID_PICTURES = 24
MOST_BESIDE = 5
NO_QUERY = "Upload a picture, or click one of the data set's, to see what the network finds alike."
ANY_CLASS = "any class"


def build(context: Context, page: Page, tab: gr.Tab) -> None:
    """The tab: the question on the left, the answer on the right."""
    query = page.query
    seed = gr.State(0)
    running = gr.State(None)  # the task this page waits for
    uploaded = gr.State([])  # the queries of the last upload
    result = gr.State(None)  # the last Answer
    with gr.Row(elem_classes="neighbours-layout", equal_height=False):
        with gr.Column(scale=4, min_width=300):
            with gr.Column(elem_classes="sheet"):
                gr.HTML("<h3>Network</h3>", padding=False)
                run_box, checkpoint_box = networks.pickers("neighbours")
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
            with gr.Column(elem_classes="sheet"):
                gr.HTML("<h3>Your picture</h3>", padding=False)
                upload = widget("picture", "neighbours-upload", limit=MAX_UPLOAD_BYTES, camera=True)
                upload.data_model = (
                    ListFiles  # gradio then accepts nothing but files that were uploaded to it
                )
                several = card_gallery("neighbours-uploaded")
            with gr.Column(elem_classes="sheet"):
                gr.HTML("<h3>Or one of the data set's</h3>", padding=False)
                of_class = gr.Dropdown([ANY_CLASS], value=ANY_CLASS, label="Class", allow_custom_value=True)
                grid = card_gallery("neighbours-grid")
                more = gr.Button("Show others", size="sm", elem_id="neighbours-others")
        with gr.Column(scale=8, min_width=320):
            with gr.Column(elem_classes="sheet"):
                with gr.Row(elem_classes="neighbours-options"):
                    k = gr.Slider(
                        1, 200, 20, step=1, label="Neighbours (k)", elem_id="neighbours-k", buttons=[]
                    )
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
                    split = gr.Dropdown(
                        own.SPLITS,
                        value="train",
                        label="Look among",
                        allow_custom_value=True,
                        elem_id="neighbours-split",
                    )
                    hide = gr.Checkbox(label="Hide its own class", elem_id="neighbours-hide")
                with gr.Accordion(
                    "Look among pictures of your own: drop a zip", open=False, elem_classes="form-more"
                ):
                    zipped = widget(
                        "picture",
                        "neighbours-zip",
                        limit=own.MAX_ZIP_BYTES,
                        kinds=".zip",
                        invitation="Drop a zip of pictures here, or click to choose one",
                    )
                    zipped.data_model = ListFiles
                with gr.Row(elem_classes="neighbours-busy", visible=False) as busy:
                    message = gr.HTML(elem_id="neighbours-progress", padding=False)
                    cancel = gr.Button("Cancel", size="sm", elem_id="neighbours-cancel", min_width=90)
                trouble = gr.HTML(elem_id="neighbours-message", padding=False)
                with gr.Row(elem_classes="neighbours-answer", equal_height=False):
                    with gr.Column(scale=2, min_width=170):
                        asked = widget("region", "neighbours-query", {})
                    with gr.Column(scale=6, min_width=260):
                        votes = widget("vote", "neighbours-vote", {})
                found = card_gallery("neighbours-gallery", gallery([], empty=NO_QUERY))
                with gr.Row():
                    csv_button = gr.Button("Save list", size="sm", elem_id="neighbours-csv")
                    zip_button = gr.Button("Save pictures", size="sm", elem_id="neighbours-pictures")
                    map_button = gr.Button("Show on the map", size="sm", elem_id="neighbours-map")
                save = saver("neighbours-saver")
            with gr.Column(elem_classes="sheet", visible=False) as beside_panel:
                gr.HTML("<h3>Beside each other</h3>", padding=False)
                answers = widget("answers", "neighbours-answers", {})
    answer = [busy, message, running, trouble, asked, votes, found, result, beside_panel, answers]
    question = [query, run_box, checkpoint_box, split, k, temperature, hide, others]

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
        same = [gr.skip()] * 6
        quiet = [gr.update(visible=False), "", None]
        if asked_now is None:
            yield [*quiet, "", *same]
            return
        yield [gr.skip(), gr.skip(), None, "", *same]
        try:
            run, content = context.store.get(run_id), asked_now.content()
            among = own.allowed(context, among)
            asking = (among, content, int(k_now), t, asked_now.region, bool(hidden))
            for task, fraction, text in context.encoded(run, name, among):
                yield [gr.update(visible=True), progress(fraction, text), task, "", *same]
            one = context.worker.submit(inspection.neighbours, run.path, name, *asking).result()
            shown = neighbours_view.answer_values(one, own.split_name(among), asked_now.region)
            panel = gr.update(visible=bool(beside))
            yield [*quiet, "", *shown, one, panel, gr.skip()]
            if not beside:
                return
            pairs = [
                (context.store.get(ref.partition("|")[0]), ref.partition("|")[2])
                for ref in beside[:MOST_BESIDE]
            ]
            for other, checkpoint in pairs:
                for task, fraction, text in context.encoded(other, checkpoint, among):
                    yield [gr.update(visible=True), progress(fraction, text), task, "", *same]
            every = [(run.path, name), *((other.path, checkpoint) for other, checkpoint in pairs)]
            results = context.worker.submit(compare.ask_all, tuple(every), *asking).result()
            names = [f"{run_name(p.name)}, {networks.checkpoint_name(c)}" for p, c in every]
            yield [*quiet, "", *[gr.skip()] * 5, neighbours_view.beside(results, names)]
        except (WorkError, RunError, OSError) as error:
            yield [*quiet, problem(str(error)), *same]

    def browse(run_id: str, seed_now: int, label: str) -> Iterator[Any]:
        label_now = None if label == ANY_CLASS else label
        try:
            run = context.store.get(run_id)
            for part in ("test", "train"):
                task = context.worker.submit(
                    inspection.browse, run.path, part, GRID_PICTURES, 0, seed_now, label_now
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
            yield gallery([], empty=str(error) if run_id else ""), gr.update(value=ANY_CLASS)
            return
        cards = [card(p.id, p.pixels, p.label) for p in shown.pictures]
        yield gallery(cards, size=56), gr.update(choices=[ANY_CLASS, *shown.classes])

    def refresh(chosen: list[str], name: str | None, split_now: str, beside: list[str] | None) -> list[Any]:
        runs, names, run = networks.choices(context, chosen, name)
        if run is None:
            return [runs, names, gallery([], empty=networks.NO_RUNS), gr.skip(), gr.skip(), gr.skip()]
        choices = own.banks(context)
        kept = split_now if split_now in [value for _, value in choices] else "train"
        return [
            runs,
            names,
            gr.skip(),
            *_through(run.id, names["value"], beside),
            gr.update(choices=choices, value=kept),
        ]

    def _through(run_id: str, name: str | None, beside: list[str] | None = None) -> list[Any]:
        """The slider over the run's checkpoints, and what may stand beside the chosen one."""
        run = context.store.get(run_id)
        names = _numbered(run.checkpoints())
        position = names.index(name) if name in names else len(names) - 1
        elsewhere = [
            other for other in context.store.runs()[:50] if other.id != run.id and other.checkpoints()
        ]
        choices = [(networks.checkpoint_name(n), f"{run.id}|{n}") for n in names]
        choices += [(f"{run_name(other.id)}, last", f"{other.id}|last") for other in elsewhere]
        kept = [ref for ref in beside or [] if ref in [value for _, value in choices]]
        return [
            gr.update(maximum=max(len(names) - 1, 1), value=position, interactive=len(names) > 1),
            gr.update(choices=choices, value=kept),
        ]

    def use_run(run_id: str) -> list[Any]:
        try:
            run = context.store.get(run_id)
        except RunError as error:
            return [*[gr.skip()] * 5, problem(str(error))]
        update = networks.checkpoint_choices(run, None)
        return [update, *_through(run.id, update["value"]), [run.id], {"run": run.id}, ""]

    def step(run_id: str, position: float) -> Any:
        try:
            names = _numbered(context.store.get(run_id).checkpoints())
        except RunError:
            return gr.skip()
        return names[min(max(int(position), 0), len(names) - 1)] if names else gr.skip()

    def take(files: ListFiles, run_id: str) -> list[Any]:
        queries = [Query(file=Path(file.path)) for file in files.root[:50]]
        cards: list[Any] = []
        if len(queries) > 1:
            try:
                contents = tuple(
                    str_or_bytes for q in queries if isinstance(str_or_bytes := q.content(), bytes)
                )
                run = context.store.get(run_id)
                seen = context.worker.submit(inspection.as_seen, run.path, contents).result()
                cards = [card(str(i), pixels, None) for i, pixels in enumerate(seen) if pixels is not None]
            except (WorkError, RunError, OSError):
                cards = []
        note = f"{len(queries)} pictures; click the one to ask about." if cards else ""
        return [queries, queries[0] if queries else None, gallery(cards, note=note, size=52)]

    def use_uploaded(queries: list[Query], event: gr.EventData) -> Any:
        index = int(event.id) if str(event.id).isdigit() else -1
        return queries[index] if 0 <= index < len(queries) else gr.skip()

    def use_part(now: Query | None, event: gr.EventData) -> Any:
        return Query(now.file, now.id, region_of(event.region)) if now else gr.skip()

    def use_zip(files: ListFiles) -> Iterator[Any]:
        try:
            task = context.builder.submit(unpacking.unpack, Path(files.root[0].path))
            for fraction, text in task.watch():
                yield [gr.update(visible=True), progress(fraction, text), task, "", gr.skip()]
            folder = task.result()
        except (WorkError, ConfigError) as error:
            yield [gr.update(visible=False), "", None, problem(str(error)), gr.skip()]
            return
        choices = own.banks(context)
        chosen = next((value for _, value in choices if value.endswith(Path(folder).name)), "train")
        yield [gr.update(visible=False), "", None, "", gr.update(choices=choices, value=chosen)]

    def save_list(now: Answer | None) -> Any:
        return (
            download("neighbours.csv", "text/csv", table(*neighbours_view.rows_of(now))) if now else gr.skip()
        )

    def save_pictures(now: Answer | None) -> Any:
        if now is None:
            return gr.skip()
        content = pictures_zip((n.id, n.pixels) for n in now.neighbours)
        return download("neighbours.zip", "application/zip", content)

    latest: dict[str, Any] = {**QUIET, "trigger_mode": "always_last"}
    browsing = {"fn": browse, "inputs": [run_box, seed, of_class], "outputs": [grid, of_class], **QUIET}
    asking = {"fn": ask, "inputs": question, "outputs": answer}
    tab.select(
        refresh,
        [page.chosen, checkpoint_box, split, others],
        [run_box, checkpoint_box, found, through, others, split],
        **QUIET,
    ).then(**browsing).then(**asking, **QUIET)
    run_box.input(
        use_run, run_box, [checkpoint_box, through, others, page.chosen, page.link, trouble], **QUIET
    ).then(**browsing).then(**asking, **QUIET)
    gr.on(
        [checkpoint_box.input, split.input, k.release, temperature.release, hide.input, others.input],
        **asking,
        **latest,
    )
    checkpoint_box.input(
        lambda run, name: _through(run, name)[0], [run_box, checkpoint_box], through, **QUIET
    )
    through.input(step, [run_box, through], checkpoint_box, **latest).then(**asking, **latest)
    upload.upload(take, [upload, run_box], [uploaded, query, several], **QUIET).then(**asking, **QUIET)
    several.click(use_uploaded, uploaded, query, **QUIET).then(**asking, **QUIET)
    asked.select(use_part, query, query, **QUIET).then(**asking, **QUIET)
    zipped.upload(use_zip, zipped, [busy, message, running, trouble, split], **QUIET).then(**asking, **QUIET)
    for pictures in (grid, found, answers):
        pictures.click(_query_by_id, None, query, **QUIET).then(**asking, **QUIET)
    more.click(lambda n: n + 1, seed, seed, **QUIET).then(**browsing)
    of_class.input(**browsing)
    csv_button.click(save_list, result, save, **QUIET)
    zip_button.click(save_pictures, result, save, **QUIET)
    map_button.click(lambda: (gr.Tabs(selected="map"), {"tab": "map"}), None, [page.tabs, page.link], **QUIET)
    cancel.click(_cancel, running, None, **QUIET)


def _query_by_id(event: gr.EventData) -> Query:
    """An id from the page; the worker answers one that is not in the data with a sentence."""
    return Query(id=str(event.id))


def _numbered(checkpoints: list[Any]) -> list[str]:
    """Names in the order of training; `last` only where it is all there is."""
    return [c.name for c in checkpoints if c.name != "last"] or [c.name for c in checkpoints]


def _cancel(task: Task[Any] | None) -> None:
    if task is not None:
        task.cancel()
