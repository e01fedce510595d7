"""Train: what shall I run?"""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Any

import gradio as gr

from simsiam_core.config import ConfigError, parse, preset, presets
from simsiam_core.jobs import launch
from simsiam_core.runs import RunError
from simsiam_core.ui.context import Context, Page
from simsiam_core.ui.form import Form, Problems
from simsiam_core.ui.preview import view_pairs
from simsiam_core.ui.summary import summary
from simsiam_core.ui.widgets import widget

FIRST_PRESET = "quick"


def build(context: Context, page: Page) -> None:
    """The tab: presets, the form, what it means, what the network will see, and Start."""
    form = Form()
    with gr.Row(elem_classes="train-layout", equal_height=False):
        with gr.Column(scale=7, min_width=320):
            chosen = widget("presets", "train-presets", _presets(None))
            form.render()
        with gr.Column(scale=4, min_width=320, elem_classes="train-side"):
            with gr.Column(elem_classes="sheet"):
                gr.HTML("<h3>This run</h3>", padding=False)
                meaning = gr.HTML(elem_id="train-summary", padding=False)
                start = gr.Button("Start training", variant="primary", elem_id="train-start")
                message = gr.HTML(elem_id="train-message", padding=False)
            with gr.Column(elem_classes="sheet"):
                gr.HTML("<h3>What the network is shown</h3>", padding=False)
                views = widget("views", "train-preview")
                again = gr.Button("Draw other views", size="sm", elem_id="train-preview-again")
    shown = gr.State({})  # the problems that stand beside the fields of this page
    draw = gr.State(0)  # which random views are shown
    marks = [*form.inputs, shown, message, meaning]

    def follow(shown_now: Problems, *given: Any) -> list[Any]:
        values = form.values(given)
        problems = form.problems(values)
        text = gr.skip() if problems else summary(parse(values))
        return [*form.marks(values, problems, shown_now), problems, _attention(form, problems), text]

    def preview(draw_now: int, *given: Any) -> Iterator[Any]:
        values = form.values(given)
        if not form.problems(values):
            yield from view_pairs(context.worker, parse(values), seed=draw_now)

    def use_preset(event: gr.EventData) -> list[Any]:
        name = str(event.name)
        try:
            values = preset(name).values
        except ConfigError:
            return [gr.skip()] * (len(marks) + 1)
        config = parse(values)
        return [*form.fill(values), {}, "", summary(config), _presets(name)]

    def begin(shown_now: Problems, *given: Any) -> list[Any]:
        values = form.values(given)
        stay = [gr.skip(), gr.skip(), gr.skip()]
        try:
            run = context.store.create(parse(values))
            launch(run)
        except ConfigError as error:
            problems = {problem.path: problem.message for problem in error.problems}
            marked = form.marks(values, problems, shown_now)
            return [*marked, problems, _attention(form, problems), gr.skip(), *stay]
        except RunError as error:
            unchanged = [gr.skip()] * (len(form.inputs) + 1)
            return [*unchanged, _sentence(str(error)), gr.skip(), *stay]
        go = [gr.Tabs(selected="monitor"), [run.id], {"tab": "monitor", "run": run.id}]
        return [*form.marks(values, {}, shown_now), {}, "", gr.skip(), *go]

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}
    typed = [control.input for control in form.inputs]  # input, not change: filling in a preset is no typing
    gr.on(typed, follow, [shown, *form.inputs], marks, trigger_mode="always_last", **quiet)
    gr.on(typed, preview, [draw, *form.inputs], views, trigger_mode="always_last", **quiet)
    chosen.select(use_preset, None, [*marks, chosen], **quiet).then(preview, [draw, *form.inputs], views, **quiet)
    again.click(lambda n: n + 1, draw, draw, **quiet).then(preview, [draw, *form.inputs], views, **quiet)
    start.click(
        begin,
        [shown, *form.inputs],
        [*marks, page.tabs, page.chosen, page.link],
        api_visibility="private",
        concurrency_limit=None,
        show_progress_on=start,
    )

    def fill_first() -> list[Any]:
        values = preset(FIRST_PRESET).values
        return [*form.fill(values), {}, "", summary(parse(values)), _presets(FIRST_PRESET)]

    page.blocks.load(fill_first, None, [*marks, chosen], **quiet).then(preview, [draw, *form.inputs], views, **quiet)


def _presets(chosen: str | None) -> dict[str, Any]:
    ordered = sorted(presets().values(), key=lambda p: p.name != FIRST_PRESET)
    options = [{"name": p.name, "title": p.title, "description": p.description} for p in ordered]
    return {"options": options, "chosen": chosen}


def _attention(form: Form, problems: Problems) -> str:
    """Which fields need attention, for one who does not see them: they may be folded away."""
    if not problems:
        return ""
    if set(problems) == {""}:
        return _sentence(problems[""])
    titles = ", ".join(f"{spec.title} ({spec.section})" for spec in form.specs if spec.path in problems)
    return _sentence(f"Please look at: {titles}.")


def _sentence(text: str) -> str:
    return f'<p class="problem">{html.escape(text)}</p>'
