"""Start: always in view, says how many runs, how long and how much memory, and puts them into the queue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from simsiam_core.config import Config, ConfigError
from simsiam_core.jobs import enqueue
from simsiam_core.runs import Choices, RunError
from simsiam_core.runs.placement import Placement
from simsiam_core.ui.components.form import Problems
from simsiam_core.ui.context import LATEST, READ_ONLY, Context, Page
from simsiam_core.ui.text import problem
from simsiam_core.ui.train.adapting import RecipeChoice, read_choices
from simsiam_core.ui.train.prospect import Prospect
from simsiam_core.ui.train.settings import Held, SettingsPanel
from simsiam_core.ui.train.several import Several, configs, counted
from simsiam_core.ui.train.where import WherePanel

Updates = dict[Any, Any]


def label(runs: int, figures: str) -> str:
    """`Start 1 run · about 4 min · 1.1 GB`, `Start 3 runs · about 4 min each · 1.1 GB`."""
    if runs > 1 and figures.startswith("about"):
        took, separator, rest = figures.partition(" · ")
        figures = f"{took} each{separator}{rest}"
    return " · ".join(filter(None, (f"Start {runs:,} run{'s' if runs > 1 else ''}", figures)))


class StartBar:
    """The bar at the lower edge of the window."""

    def __init__(
        self, context: Context, settings: SettingsPanel, prospect: Prospect, choice: RecipeChoice
    ) -> None:
        self._context, self._settings, self._prospect = context, settings, prospect
        self._choice = choice
        with gr.Row(elem_id="train-bar", equal_height=False):
            settings.message.render()
            if context.scheduler is None:
                gr.HTML(problem(READ_ONLY), padding=False)
            self._start = gr.Button(
                label(1, ""),
                variant="primary",
                elem_id="train-start",
                interactive=context.scheduler is not None,
            )

    def wire(self, page: Page, several: Several, where: WherePanel) -> None:
        """Have the label follow the form, and a press put runs into the queue."""
        settings, prospect = self._settings, self._prospect
        gr.on(
            [*(control.change for control in several.inputs), settings.settling, prospect.figures.change],
            self._count(several),
            [prospect.figures, settings.held, *several.inputs],
            [several.note, self._start],
            **LATEST,
        )
        self._start.click(
            self._begin(page, several, where),
            [settings.shown, self._choice.choices, settings.held, *several.inputs, *where.inputs],
            [
                *settings.marked,
                settings.attention,
                *prospect.outputs,
                *several.inputs,
                several.note,
                *where.outputs,
                page.chosen,
                page.link,
            ],
            api_visibility="private",
            concurrency_limit=None,
            show_progress_on=self._start,
        )

    def _count(self, several: Several) -> Callable[..., Updates]:
        def count(figures: str, held: Held, ablation: Any, sweep: Any) -> Updates:
            runs, note = counted(ablation, sweep, self._settings.values(held))
            return {several.note: note, self._start: label(runs, figures)}

        return count

    def _begin(self, page: Page, several: Several, where: WherePanel) -> Callable[..., Updates]:
        def begin(shown: Problems, kept: Any, held: Held, ablation: Any, sweep: Any, *placed: Any) -> Updates:
            settings = self._settings
            values = settings.values(held)
            problems = settings.problems(values, anew=True)
            marks = settings.marks(held, problems, shown)
            if problems:
                return {**marks, settings.attention: settings.focus(problems), **self._prospect.nothing()}
            try:
                wanted, group = configs(ablation, sweep, values)
                placement = self._placement(where, placed, wanted)
                run_id = self._enqueue(wanted, group, placement, read_choices(kept))
            except (RunError, ConfigError) as error:
                found = where.problems(error) if isinstance(error, ConfigError) else {}
                return {**marks, settings.message: problem(str(error)), **_marked(where, found)}
            return {
                **marks,
                **_marked(where, {}),
                **several.cleared(),
                page.chosen: [run_id],
                page.link: {"page": "runs", "runs": run_id},
            }

        return begin

    def _placement(self, where: WherePanel, placed: Sequence[Any], wanted: list[Config]) -> Placement:
        """Return where to run, once it is known that the runs can be built and are taken there. Raises ConfigError."""
        for config in wanted:
            self._context.networks.check(config)
        placement = where.read(placed)
        for config in {config.training.devices: config for config in wanted}.values():
            where.check(placement, config)
        return placement

    def _enqueue(
        self, wanted: list[Config], group: str, placement: Placement, choices: Choices | None
    ) -> str:
        """Put the runs into the queue, and beside each what was chosen for it; return the id of the first.

        Raises RunError.
        """
        runs = self._context.change(lambda: enqueue(self._context.store, wanted, group, placement))
        if choices is not None:
            for run in runs:
                run.write_choices(choices)
        return runs[0].id


def _marked(where: WherePanel, problems: Problems) -> Updates:
    return dict(zip(where.outputs, where.marks(problems), strict=True))
