"""Check data: what may be wrong with my images?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from simsiam_core.config import ConfigError
from simsiam_core.features import diagnosis
from simsiam_core.features.diagnosis import Thresholds
from simsiam_core.features.findings import Diagnosis, findings_csv
from simsiam_core.features.quality import quality
from simsiam_core.features.worker import WorkError
from simsiam_core.runs import RunError
from simsiam_core.runs.verdict import Verdict
from simsiam_core.ui.check.sections import AT_ONCE, SECTIONS, page_of, section, unasked
from simsiam_core.ui.components import image_banks
from simsiam_core.ui.components.checkpoint_picker import NO_RUNS
from simsiam_core.ui.components.download import download, saver
from simsiam_core.ui.components.latest import ASKING, Latest, Updates
from simsiam_core.ui.components.outdated import note_box, outdated
from simsiam_core.ui.components.progress import waiting
from simsiam_core.ui.components.question import query_by_id
from simsiam_core.ui.components.widget import event_value, widget
from simsiam_core.ui.context import LATEST, QUIET, Context, Page
from simsiam_core.ui.context_bar.network import ChosenNetwork
from simsiam_core.ui.text import stamp

LISTED = 2000  # findings of each kind: rows of a saved table, and what can be paged through


@dataclass(frozen=True, eq=False)
class Checked:
    """What the page shows: of which network on which images, how good that is, and what was found."""

    network: ChosenNetwork
    verdict: Verdict
    found: Diagnosis


def build(context: Context, page: Page, tab: gr.Tab) -> None:
    """The page: what is checked above, then a section for each kind of finding."""
    CheckPage(context, page)


class CheckPage:
    """The components of the page and what fills them."""

    def __init__(self, context: Context, page: Page) -> None:
        self._context, self._page = context, page
        self._checked = gr.State(None)  # a Checked
        self._latest = gr.State(Latest)
        with gr.Column(elem_classes="sheet check-settings"):
            with gr.Row(elem_classes="check-start"):
                self._start = gr.Button(
                    "Check", variant="primary", elem_id="diagnose-start", min_width=140, interactive=False
                )
                gr.HTML(stamp("Looks for copies, wrong labels and odd ones among the images."), padding=False)
            with gr.Accordion("Thresholds", open=False, elem_id="diagnose-thresholds"):
                self._limits = _thresholds()
        with gr.Column(elem_classes="has-answer waits check-answer"):
            self._wait = waiting("diagnose")
            self._outdated = note_box("diagnose-outdated")
            self._update = gr.Button("Update", size="sm", visible=False, elem_id="diagnose-update")
            self._caption = gr.HTML(elem_id="diagnose-caption", padding=False, elem_classes="answer")
            self._lists: dict[str, gr.HTML] = {}
            self._savers: dict[str, gr.Button] = {}
            for kind in SECTIONS:
                self._section(kind)
            self._save = saver("diagnose-saver")
        self._wire()

    def _section(self, kind: str) -> None:
        with gr.Column(elem_classes="sheet"):
            gr.HTML(f"<h3>{SECTIONS[kind].title}</h3>", padding=False)
            self._lists[kind] = widget(
                "check/found", f"diagnose-{kind}", unasked(kind), elem_classes="answer"
            )
            self._savers[kind] = gr.Button(
                "Save list",
                size="sm",
                visible=False,
                elem_id=f"diagnose-{kind}-csv",
                elem_classes="check-save",
            )

    def _wire(self) -> None:
        page, question = self._page, [self._latest, self._page.network, *self._limits]
        answer = [
            self._checked,
            self._caption,
            self._outdated,
            self._update,
            *self._lists.values(),
            *self._savers.values(),
            *self._wait.outputs,
        ]
        gr.on([self._start.click, self._update.click], self._ask, question, answer, **ASKING)
        limits = [limit.release for limit in self._limits]
        gr.on(limits, self._ask_again, [self._checked, *question], answer, **ASKING)
        page.network.change(
            self._follow,
            [self._checked, page.network],
            [self._start, self._outdated, self._update, *self._savers.values()],
            **LATEST,
        )
        for kind, shown in self._lists.items():
            self._wire_section(kind, shown)

    def _wire_section(self, kind: str, shown: gr.HTML) -> None:
        page, checked = self._page, self._checked

        def turn(now: Checked | None, event: gr.EventData) -> Any:
            return self._turned(kind, now, event_value(event, "start"))

        def save_list(now: Checked | None) -> Any:
            return _file(kind, now)

        shown.select(turn, checked, shown, **LATEST)
        shown.click(_look, None, [page.query, page.link], **QUIET)
        self._savers[kind].click(save_list, checked, self._save, **QUIET)

    def _ask(self, latest: Latest, network: ChosenNetwork | None, *limits: float) -> Iterator[Updates]:
        yield from latest.only(self._answer(network, *limits), {self._checked: gr.skip()})

    def _ask_again(self, checked: Checked | None, *question: Any) -> Iterator[Updates]:
        """Another threshold is a new answer, but only to one who has asked."""
        if checked is None:
            yield {self._checked: gr.skip()}
        else:
            yield from self._ask(*question)

    def _answer(self, network: ChosenNetwork | None, *limits: float) -> Iterator[Updates]:
        wait = self._wait
        if network is None:
            yield wait.named(wait.failed(NO_RUNS))
            return
        try:
            run, images = network.directory(self._context), image_banks.allowed(self._context, network.images)
            duplicate, label, outlier, k = limits
            thresholds = Thresholds(duplicate, outlier, label, int(k))
            task = self._context.builder.submit(
                diagnosis.diagnose,
                run.path,
                network.checkpoint,
                images,
                thresholds,
                LISTED,
                with_images=AT_ONCE,
            )
            for update in wait.follow(task):
                yield wait.named(update)
            found, verdict = task.result(), quality(run, network.checkpoint).verdict
        except (WorkError, RunError, ConfigError) as error:
            yield {**self._nothing(), **wait.named(wait.failed(error))}
            return
        yield {**self._shown(Checked(network, verdict, found)), **wait.named(wait.over())}

    def _shown(self, checked: Checked) -> Updates:
        found = checked.found
        return {
            self._checked: checked,
            self._caption: stamp(checked.network.title(self._context)),
            **self._outdated_by(None),
            **{
                shown: section(kind, found, 0, page_of(kind, found, 0), checked.verdict)
                for kind, shown in self._lists.items()
            },
            **self._savable(checked),
        }

    def _nothing(self) -> Updates:
        return {
            self._checked: None,
            self._caption: "",
            **self._outdated_by(None),
            **{shown: unasked(kind) for kind, shown in self._lists.items()},
            **self._savable(None),
        }

    def _savable(self, checked: Checked | None) -> Updates:
        """*Save list* stands where there is a list that belongs to what is chosen."""
        return {
            button: gr.update(visible=checked is not None and bool(getattr(checked.found, kind)))
            for kind, button in self._savers.items()
        }

    def _outdated_by(self, checked: Checked | None) -> Updates:
        """The note above an answer of another network, and *Update*; nothing for None."""
        if checked is None:
            return {self._outdated: "", self._update: gr.update(visible=False)}
        note = outdated(checked.network.title(self._context), "Update checks what is chosen now.")
        return {self._outdated: note, self._update: gr.update(visible=True)}

    def _follow(self, checked: Checked | None, network: ChosenNetwork | None) -> Updates:
        """Another network was chosen: what is shown is not its answer, or it is again."""
        stale = checked if checked is not None and checked.network != network else None
        start = {self._start: gr.update(interactive=network is not None)}
        return {**start, **self._outdated_by(stale), **self._savable(None if stale else checked)}

    def _turned(self, kind: str, checked: Checked | None, start: Any) -> Any:
        """Another page of a list; its images are fetched now."""
        if checked is None or not isinstance(start, int):
            return gr.skip()
        found, network = checked.found, checked.network
        try:
            run = network.directory(self._context)
            task = self._context.worker.submit(
                diagnosis.illustrated, run.path, network.images, page_of(kind, found, start)
            )
            return section(kind, found, start, task.result(), checked.verdict)
        except (WorkError, RunError) as error:
            return {"rows": [], "empty": str(error)}


def _look(event: gr.EventData) -> list[Any]:
    """A click on an image asks Look about it."""
    return [query_by_id(event), {"page": "look"}]


def _file(kind: str, now: Checked | None) -> Any:
    if now is None:
        return gr.skip()
    content = findings_csv(getattr(now.found, kind)).encode("utf-8", "surrogateescape")
    network = now.network
    name = f"{kind}-{network.run}-{network.checkpoint}.csv"
    return download(name, "text/csv", content)


def _thresholds() -> list[gr.Slider]:
    """From where on something counts as a finding."""
    t = Thresholds()
    with gr.Row(elem_classes="check-thresholds"):
        return [
            _slider(
                "duplicate",
                (0.5, 1, 0.005),
                t.duplicate,
                "Duplicates: least agreement",
                "Of features and pixels.",
            ),
            _slider(
                "label",
                (0, 1, 0.05),
                t.label,
                "Labels: least doubt",
                "0: sure of the label; 1: certain that it is wrong.",
            ),
            _slider("outlier", (0, 1, 0.01), t.outlier, "Outliers: least distance", "To the k-th neighbour."),
            _slider("k", (1, 100, 1), t.k, "Neighbours (k)", "Looked at for labels and outliers."),
        ]


def _slider(name: str, range_: tuple[float, float, float], value: float, label: str, info: str) -> gr.Slider:
    low, high, step = range_
    return gr.Slider(
        low, high, value, step=step, label=label, info=info, elem_id=f"diagnose-{name}", buttons=[]
    )
