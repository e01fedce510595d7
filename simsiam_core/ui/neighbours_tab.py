"""Neighbours: what does it think is alike?"""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.data_classes import FileData

from simsiam_core.features.worker import Task, WorkError
from simsiam_core.runs import RunDirectory, RunError
from simsiam_core.ui.cards import card, card_gallery, data_uri, gallery
from simsiam_core.ui.context import QUIET, Context, Page
from simsiam_core.ui.widgets import widget
from simsiam_core.ui.words import bar, problem, run_name

if TYPE_CHECKING:
    from simsiam_core.features.inspection import Answer

MAX_UPLOAD_BYTES = 20 * 2**20
GRID_PICTURES = 24
SHOWN_NEIGHBOURS = 60
SPLITS = [("training images", "train"), ("test images", "test")]
NO_RUNS = "No run has a checkpoint yet. Start one on the Train tab; the first checkpoint comes at once."
NO_QUERY = "Upload a picture, or click one of the data set's, to see what the network finds alike."


@dataclass(frozen=True)
class Query:
    """What is asked about: a file that was uploaded, or the id of a picture of the data set."""

    file: Path | None = None
    id: str | None = None

    def content(self) -> bytes | str:
        """As `inspection.neighbours` takes it; the bytes are decoded in the worker, never here."""
        return self.file.read_bytes() if self.file else self.id or ""


def build(context: Context, page: Page, tab: gr.Tab) -> None:
    """The tab: the question on the left, the answer on the right."""
    query = gr.State(None)
    seed = gr.State(0)
    running = gr.State(None)  # the task this page waits for
    with gr.Row(elem_classes="neighbours-layout", equal_height=False):
        with gr.Column(scale=4, min_width=300):
            with gr.Column(elem_classes="sheet"):
                gr.HTML("<h3>Network</h3>", padding=False)
                # What is chosen is checked against the disk; gradio would check against a page's old choices.
                run_box = gr.Dropdown(label="Run", allow_custom_value=True, elem_id="neighbours-run")
                checkpoint_box = gr.Dropdown(
                    label="Checkpoint", allow_custom_value=True, elem_id="neighbours-checkpoint"
                )
            with gr.Column(elem_classes="sheet"):
                gr.HTML("<h3>Your picture</h3>", padding=False)
                upload = widget("picture", "neighbours-upload", limit=MAX_UPLOAD_BYTES)
                upload.data_model = FileData  # gradio then accepts nothing but files that were uploaded to it
            with gr.Column(elem_classes="sheet"):
                gr.HTML("<h3>Or one of the data set's</h3>", padding=False)
                grid = card_gallery("neighbours-grid")
                others = gr.Button("Show others", size="sm", elem_id="neighbours-others")
        with gr.Column(scale=8, min_width=320), gr.Column(elem_classes="sheet"):
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
                split = gr.Radio(SPLITS, value="train", label="Look among", elem_id="neighbours-split")
            with gr.Row(elem_classes="neighbours-busy", visible=False) as busy:
                message = gr.HTML(elem_id="neighbours-progress", padding=False)
                cancel = gr.Button("Cancel", size="sm", elem_id="neighbours-cancel", min_width=90)
            trouble = gr.HTML(elem_id="neighbours-message", padding=False)
            with gr.Row(elem_classes="neighbours-answer", equal_height=False):
                with gr.Column(scale=2, min_width=150):
                    asked = card_gallery("neighbours-query")
                with gr.Column(scale=6, min_width=260):
                    votes = widget("vote", "neighbours-vote", {})
            found = card_gallery("neighbours-gallery", gallery([], empty=NO_QUERY))
    answer = [busy, message, running, trouble, asked, votes, found]
    question = [query, run_box, checkpoint_box, split, k, temperature]

    def ask(
        asked_now: Query | None, run_id: str, name: str, among: str, k_now: int, t: float
    ) -> Iterator[Any]:
        nothing = [gr.skip()] * 3
        if asked_now is None:
            yield [gr.update(visible=False), "", None, "", *nothing]
            return
        from simsiam_core.features import inspection  # brings torch, which the page must not wait for

        yield [gr.skip(), gr.skip(), None, "", *nothing]
        try:
            run, content = context.store.get(run_id), asked_now.content()
            task = context.worker.submit(inspection.neighbours, run.path, name, among, content, int(k_now), t)
            for fraction, text in task.watch():
                if fraction > 0:
                    yield [gr.update(visible=True), _progress(fraction, text), task, "", *nothing]
            result = task.result()
        except (WorkError, RunError, OSError) as error:
            yield [gr.update(visible=False), "", None, problem(str(error)), *nothing]
            return
        yield [gr.update(visible=False), "", None, "", *_answer(result, among)]

    def browse(run_id: str, seed_now: int) -> Iterator[Any]:
        from simsiam_core.features import inspection

        try:
            run = context.store.get(run_id)
            for part in ("test", "train"):
                task = context.worker.submit(inspection.browse, run.path, part, GRID_PICTURES, 0, seed_now)
                for fraction, text in task.watch():
                    if fraction > 0:
                        yield gallery([], empty=f"{text} … {fraction:.0%}")
                try:
                    pictures = task.result().pictures
                    break
                except WorkError:
                    if part == "train":
                        raise
        except (WorkError, RunError) as error:
            yield gallery([], empty=str(error) if run_id else "")
            return
        yield gallery([card(p.id, p.pixels, p.label) for p in pictures], size=56)

    def refresh(chosen: list[str], name: str | None) -> list[Any]:
        runs = [run for run in context.store.runs() if run.checkpoints()]
        if not runs:
            return [gr.update(choices=[], value=None)] * 2 + [gallery([], empty=NO_RUNS)]
        run = next((run for run in runs if chosen and run.id == chosen[0]), runs[0])
        names = [(run_name(r.id), r.id) for r in runs]
        return [gr.update(choices=names, value=run.id), _checkpoint_choices(run, name), gr.skip()]

    def use_run(run_id: str) -> list[Any]:
        try:
            run = context.store.get(run_id)
        except RunError as error:
            return [gr.skip(), gr.skip(), gr.skip(), problem(str(error))]
        return [_checkpoint_choices(run, None), [run.id], {"run": run.id}, ""]

    latest: dict[str, Any] = {**QUIET, "trigger_mode": "always_last"}
    tab.select(refresh, [page.chosen, checkpoint_box], [run_box, checkpoint_box, found], **QUIET).then(
        browse, [run_box, seed], grid, **QUIET
    )
    run_box.input(use_run, run_box, [checkpoint_box, page.chosen, page.link, trouble], **QUIET).then(
        browse, [run_box, seed], grid, **QUIET
    ).then(ask, question, answer, **QUIET)
    gr.on(
        [checkpoint_box.input, split.input, k.release, temperature.release], ask, question, answer, **latest
    )
    upload.upload(lambda file: Query(file=Path(file.path)), upload, query, **QUIET).then(
        ask, question, answer, **QUIET
    )
    for pictures in (grid, found):
        pictures.click(_query_by_id, None, query, **QUIET).then(ask, question, answer, **QUIET)
    others.click(lambda n: n + 1, seed, seed, **QUIET).then(browse, [run_box, seed], grid, **QUIET)
    cancel.click(_cancel, running, None, **QUIET)


def _query_by_id(event: gr.EventData) -> Query:
    """An id from the page; the worker answers one that is not in the data with a sentence."""
    return Query(id=str(event.id))


def _cancel(task: Task[Any] | None) -> None:
    if task is not None:
        task.cancel()


def _checkpoint_choices(run: RunDirectory, name: str | None) -> Any:
    """The checkpoints of a run, the newest first; `name` stays chosen if it is among them."""
    names = [checkpoint.name for checkpoint in reversed(run.checkpoints())]
    choices = [(n if n == "last" else f"epoch {int(n.removeprefix('epoch='))}", n) for n in names]
    return gr.update(choices=choices, value=name if name in names else (names[0] if names else None))


def _answer(answer: Answer, split: str) -> list[Any]:
    """Values for the query, the vote and the gallery."""
    winner = answer.votes[0].label if answer.votes else None
    counts = Counter(neighbour.label for neighbour in answer.neighbours)
    cards = [
        card(
            n.id,
            n.pixels,
            n.label,
            similarity=n.similarity,
            agrees=None if winner is None else n.label == winner,
        )
        for n in answer.neighbours[:SHOWN_NEIGHBOURS]
    ]
    among = next(title for title, name in SPLITS if name == split)
    note = f"The {len(answer.neighbours)} {among} most alike, the nearest first."
    if len(answer.neighbours) > SHOWN_NEIGHBOURS:
        note += f" The first {SHOWN_NEIGHBOURS} are shown; all of them vote."
    votes = [
        {"label": v.label, "share": v.share, "weight": v.weight, "count": counts[v.label]}
        for v in answer.votes
    ]
    took = sum(answer.seconds.values())
    label = f" It is labelled {answer.query_label}." if answer.query_label else ""
    asked = {"id": "query", "src": data_uri(answer.query), "label": None}
    return [
        gallery([asked], note=f"As the network sees it.{label}", size=132),
        {"votes": votes, "note": "" if votes else "These images have no labels, so there is no vote."},
        gallery(cards, note=f"{note} Answered in {took:.2f} s."),
    ]


def _progress(fraction: float, text: str) -> str:
    return f'<p class="activity">{html.escape(text)} · {fraction:.0%}</p>{bar(fraction)}'
