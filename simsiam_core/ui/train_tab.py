"""Train: what shall I run?"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from simsiam_core.config import Config, ConfigError, Preset, expand, parse, preset, presets, read_sweeps
from simsiam_core.data.sources import SOURCES
from simsiam_core.features.worker import WorkError
from simsiam_core.jobs import enqueue
from simsiam_core.runs import RunError
from simsiam_core.ui.context import QUIET, Context, Page
from simsiam_core.ui.estimate import expectation
from simsiam_core.ui.folder_view import folder_view
from simsiam_core.ui.form import BACKBONE, Form, Problems
from simsiam_core.ui.preview import NOT_HERE, previews
from simsiam_core.ui.summary import summary
from simsiam_core.ui.widgets import told, widget
from simsiam_core.ui.words import problem

FIRST_PRESET = "quick"
# Beside a form that is refused: figures and views of the settings before would pass for those of these.
NOT_AS_IT_IS = (
    '<p class="stamp">Nothing can be said of this run while a setting is refused; see the marked fields.</p>'
)
NO_VIEWS = {"images": [], "note": "The views come back when no setting is refused."}


@dataclass(frozen=True)
class Fill:
    """How another tab writes into the form and reads from it.

    `updates(values)` are for the components `outputs`; `values(given)` are the settings that `inputs` hold.
    """

    outputs: list[Any]
    updates: Callable[[Mapping[str, Any]], list[Any]]
    inputs: list[Any]
    values: Callable[[Sequence[Any]], dict[str, Any]]


def build(context: Context, page: Page) -> Fill:
    """The tab: presets, the form, what it means, what the network will see, and Start."""
    first = preset(FIRST_PRESET).values
    form, counts = Form(first, context.store), context.counts
    with gr.Row(elem_classes="train-layout", equal_height=False):
        with gr.Column(scale=7, min_width=320):
            chosen = widget("presets", "train-presets", _presets(FIRST_PRESET))
            form.render()
        with gr.Column(scale=4, min_width=320, elem_classes="train-side"):
            with gr.Column(elem_classes="sheet"):
                gr.HTML("<h3>This run</h3>", padding=False)
                meaning = gr.HTML(elem_id="train-summary", padding=False)
                network = gr.HTML(elem_id="train-network", padding=False)
                expected = gr.HTML(elem_id="train-estimate", padding=False)
                with gr.Accordion("Try several values", open=False, elem_id="train-more"):
                    sweep = gr.Textbox(
                        label="Settings and their values",
                        info="One setting a line; every combination becomes a run in the queue.",
                        placeholder="lr: 0.03, 0.06, 0.12\nseed: 1:3:3",
                        lines=2,
                        elem_id="train-sweep",
                    )
                    sweep_note = gr.HTML(elem_id="train-sweep-note", padding=False)
                start = gr.Button("Start training", variant="primary", elem_id="train-start")
                message = gr.HTML(elem_id="train-message", padding=False)
            with gr.Column(elem_classes="sheet"):
                gr.HTML("<h3>What the network is shown</h3>", padding=False)
                views = widget("views", "train-preview")
                again = gr.Button("Draw other views", size="sm", elem_id="train-preview-again")
    shown = gr.State({})  # the problems that stand beside the fields of this page
    draw = gr.State(0)  # which random views are shown
    filled = gr.State(0.0)  # when the form was last filled in otherwise than by hand
    refused = gr.State({})  # what the worker found wrong with the network that was last asked about
    marks = [*form.inputs, shown, message, meaning]

    def meant(values: Mapping[str, Any]) -> str:
        config = parse(values)
        try:
            images = counts.of(config)
        except ConfigError:
            images = None  # said beside the field on Start
        return summary(config, images)

    def follow(shown_now: Problems, *given: Any) -> list[Any]:
        values = form.values(given)
        problems = form.problems(values, counts.of) or context.networks.problems(parse(values))
        text = NOT_AS_IT_IS if problems else meant(values)
        return [*form.marks(values, problems, shown_now), problems, _attention(form, problems), text]

    def preview(draw_now: int, *given: Any) -> Iterator[Any]:
        values = form.values(given)
        if form.problems(values, counts.of):
            yield NO_VIEWS
            return
        config = parse(values)
        if not SOURCES.get(config.data.source).generated and config.data not in context.seen_data:
            yield {"images": [], "note": NOT_HERE}
        else:
            yield from previews(context.worker, config, seed=draw_now)

    def build_network(*given: Any) -> Iterator[Any]:
        values = form.values(given)
        if form.problems(values, counts.of):
            yield "", {}
            return
        config = parse(values)
        for row in context.networks.row(config):
            yield row, gr.skip()
        yield gr.skip(), context.networks.problems(config)

    def expect(*given: Any) -> Iterator[Any]:
        values = form.values(given)
        if form.problems(values, counts.of) or checked(config := parse(values)):
            yield ""
            return
        taken = context.scheduler.taken_gpus() if context.scheduler else ()
        yield from expectation(context.worker, config, taken)

    def look_into_folder(source: Any, path: Any) -> Iterator[Any]:
        if source not in SOURCES.names or SOURCES.get(source).list_images is None or not path:
            yield "", gr.skip()
            return
        try:
            for shown_now in folder_view(context.worker, str(path), source):
                yield shown_now, form.marked("data.path", None)
        except WorkError as error:  # stands where the help of the field was, as every problem of a field
            yield "", form.marked("data.path", str(error))

    def draw_other(draw_now: int, *given: Any) -> Iterator[Any]:
        values = form.values(given)
        if not form.problems(values, counts.of):  # a click is a wish: the images may be fetched for it
            context.seen_data.add(parse(values).data)
        for value in preview(draw_now + 1, *given):
            yield draw_now + 1, value

    def use_preset(event: gr.EventData) -> list[Any]:
        name = str(told(event, "name"))
        try:
            values = preset(name).values
        except ConfigError:
            return [gr.skip()] * (len(marks) + 2)
        return fill(values, name)

    def fill(values: Mapping[str, Any], name: str | None = None) -> list[Any]:
        return [*form.fill(values), {}, "", meant(values), _presets(name), time.time()]

    def count(text: str | None, *given: Any) -> str:
        try:
            wanted = read_sweeps((text or "").splitlines())  # a box that was never opened has no text at all
            runs = len(expand(form.values(given), wanted)) if wanted else 0
        except ConfigError as error:
            return problem(str(error).splitlines()[0])
        return f'<p class="sweep-note">{runs} runs, one after another in the queue.</p>' if runs else ""

    def begin(shown_now: Problems, sweeps: str | None, *given: Any) -> list[Any]:
        values = form.values(given)
        problems = form.problems(values, counts.anew) or checked(parse(values))
        marked = [*form.marks(values, problems, shown_now), problems]
        stay = [gr.skip()] * 6
        if problems:
            return [*marked, _attention(form, problems), NOT_AS_IT_IS, "", "", NO_VIEWS, *stay[:3]]
        try:
            wanted = read_sweeps((sweeps or "").splitlines())
            configs = expand(values, wanted) if wanted else [parse(values)]
            group = "; ".join(str(one) for one in wanted)
            for config in configs:
                context.networks.check(config)
            run, *_ = context.change(lambda: enqueue(context.store, configs, group))
        except (RunError, ConfigError) as error:
            return [*marked, problem(str(error)), gr.skip(), *stay]
        go = [
            gr.skip(),
            gr.skip(),
            gr.skip(),
            gr.Tabs(selected="monitor"),
            [run.id],
            {"tab": "monitor", "run": run.id},
        ]
        return [*marked, "", gr.skip(), *go]

    def checked(config: Config) -> Problems:
        try:
            context.networks.check(config)
        except ConfigError as error:
            return {problem.path: problem.message for problem in error.problems}
        return {}

    def all_names() -> Any:
        return gr.update(choices=list(context.networks.names()))

    typed = [control.input for control in form.inputs]  # input, not change: filling in a preset is no typing
    gr.on(typed, follow, [shown, *form.inputs], marks, trigger_mode="always_last", **QUIET)
    gr.on(typed, preview, [draw, *form.inputs], views, trigger_mode="always_last", **QUIET)
    source, path = form.controls["data.source"], form.controls["data.path"]
    gr.on(
        [source.change, path.change],  # change, not input: another page may fill in a folder
        look_into_folder,
        [source, path],
        [form.folder, path],
        trigger_mode="always_last",
        **QUIET,
    )
    # apart from the estimate, which times steps for seconds: else the last network's figures would stay so long
    gr.on(typed, build_network, form.inputs, [network, refused], trigger_mode="always_last", **QUIET)
    gr.on(typed, expect, form.inputs, expected, trigger_mode="always_last", **QUIET)
    refused.change(follow, [shown, *form.inputs], marks, **QUIET)
    backbone = form.controls[BACKBONE]
    backbone.focus(all_names, None, backbone, **QUIET)
    chosen.select(use_preset, None, [*marks, chosen, filled], **QUIET)
    filled.change(lambda: "", None, expected, **QUIET)  # that was for what stood in the form before
    filled.change(build_network, form.inputs, [network, refused], **QUIET)
    filled.change(preview, [draw, *form.inputs], views, **QUIET).then(expect, form.inputs, expected, **QUIET)
    again.click(draw_other, [draw, *form.inputs], [draw, views], **QUIET)
    gr.on(
        [sweep.change, *typed], count, [sweep, *form.inputs], sweep_note, trigger_mode="always_last", **QUIET
    )
    start.click(
        begin,
        [shown, sweep, *form.inputs],
        [*marks, network, expected, views, page.tabs, page.chosen, page.link],
        api_visibility="private",
        concurrency_limit=None,
        show_progress_on=start,
    )

    page.blocks.load(lambda: meant(first), None, meaning, **QUIET)
    page.blocks.load(build_network, form.inputs, [network, refused], **QUIET)
    page.blocks.load(preview, [draw, *form.inputs], views, **QUIET).then(
        expect, form.inputs, expected, **QUIET
    )
    return Fill([*marks, chosen, filled], fill, form.inputs, form.values)


def _presets(chosen: str | None) -> dict[str, Any]:
    ordered = sorted(presets().values(), key=_when_offered)
    options = [{"name": p.name, "title": p.title, "description": p.description} for p in ordered]
    return {"options": options, "chosen": chosen}


def _when_offered(offered: Preset) -> tuple[bool, int, str]:
    """The one to begin with first, then by their epochs; those that leave them at the default come last."""
    epochs = offered.values.get("training", {}).get("epochs", sys.maxsize)
    return offered.name != FIRST_PRESET, epochs, offered.name


def _attention(form: Form, problems: Problems) -> str:
    """Which fields need attention, for one who does not see them: they may be folded away."""
    if not problems:
        return ""
    if set(problems) == {""}:
        return problem(problems[""])
    titles = ", ".join(f"{spec.title} ({spec.section})" for spec in form.specs if spec.path in problems)
    return problem(f"Please look at: {titles}.")
