"""The drawer beside the map: whose question it is, the vote, the neighbours, and what to make of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from simsiam_core.config import ConfigError
from simsiam_core.features import maps, novelty
from simsiam_core.features.original import original
from simsiam_core.features.quality import quality
from simsiam_core.features.retrieval import Answer, Question, neighbours
from simsiam_core.features.worker import WorkError
from simsiam_core.runs import RunDirectory, RunError
from simsiam_core.ui.components import image_banks
from simsiam_core.ui.components.checkpoint_picker import NO_RUNS
from simsiam_core.ui.components.download import download, images_zip, saver, table
from simsiam_core.ui.components.gathered import gathered
from simsiam_core.ui.components.images import card_gallery, gallery
from simsiam_core.ui.components.latest import ASKING, Latest, Updates
from simsiam_core.ui.components.outdated import note_box, outdated
from simsiam_core.ui.components.progress import waiting
from simsiam_core.ui.components.question import Query, refusal, refused
from simsiam_core.ui.components.widget import widget
from simsiam_core.ui.context import QUIET, Context, Page
from simsiam_core.ui.context_bar.network import ChosenNetwork
from simsiam_core.ui.look import answers, canvas
from simsiam_core.ui.look.drawing import MapPanel
from simsiam_core.ui.look.drawn_map import Drawn
from simsiam_core.ui.text import problem, stamp

NO_QUERY = "Upload an image, or click a point of the map, to see what the network finds alike."
UPLOAD = "neighbours-upload"  # the box that a question comes from
MOST, LEAST_T = 200, 0.01  # neighbours, and the temperature of their votes
NO_ANSWER = "There is no answer; the sentence above says why."


@dataclass(frozen=True, eq=False)
class Answered:
    """What the drawer shows: which question, and which network answered."""

    network: ChosenNetwork
    query: Query
    question: Question
    answer: Answer


class AnswerPanel:
    """The panel; `answered` is the `Answered` that it shows."""

    def __init__(self, context: Context, page: Page) -> None:
        self._context, self._page = context, page
        self.answered, self.latest = gr.State(None), gr.State(Latest())
        with gr.Column(elem_classes="sheet has-answer waits look-answer"):
            self.wait = waiting("neighbours")
            self.note = note_box("neighbours-outdated")
            self._caption = gr.HTML(elem_id="neighbours-caption", padding=False, elem_classes="answer")
            with gr.Row(elem_classes="neighbours-answer answer", equal_height=False):
                self.asked = widget("look/region", "neighbours-query", {})
                self._votes = widget("components/vote", "neighbours-vote", {})
            self._viewer = widget("look/viewer", "neighbours-original", None)
            self._notice = gr.HTML(elem_id="neighbours-notice", padding=False, elem_classes="answer")
            self._place = gr.HTML(elem_id="neighbours-place", padding=False, elem_classes="answer")
            self.found = card_gallery(
                "neighbours-gallery", gallery([], empty=NO_QUERY), elem_classes="answer"
            )
            with gr.Row(visible=False) as self._saves:
                self._csv = gr.Button("Save list", size="sm", elem_id="neighbours-csv")
                self._zip = gr.Button("Save images", size="sm", elem_id="neighbours-pictures")
            self._save, self._refusal = saver("neighbours-saver"), refusal()
            with gr.Accordion("How neighbours are found", open=False, elem_classes="form-more"):
                self._k, self._temperature, self._hide = how = _settings_form()
                self._how = gathered(how, "neighbours-how")

    def wire(self, network: gr.State, panel: MapPanel) -> None:
        """Put the question anew whenever how it is answered changes; `asking` is the event that does.

        Whatever is answered, or drawn, is placed.
        """
        page, self._chart = self._page, panel.chart
        drawer = [self.note, self._caption, self.asked, self._votes, self._notice, self.found, self._saves]
        self.asking: dict[str, Any] = {
            "fn": self.ask,
            "inputs": [self.latest, page.query, network, panel.drawn, self._how],
            "outputs": [*self.wait.outputs, *drawer, self.answered, self._refusal, page.link],
        }
        gr.on(
            [self.answered.change, panel.drawn.change],
            self._placed,
            [gr.State(Latest()), self.answered, panel.drawn],
            [panel.chart, self._place],
            **ASKING,
        )
        gr.on([self._k.release, self._temperature.release, self._hide.input], **self.asking, **ASKING)
        self.asked.click(self._original, self.answered, [self._viewer, self._notice], **QUIET)
        self._csv.click(self._save_list, self.answered, self._save, **QUIET)
        self._zip.click(self._save_images, self.answered, self._save, **QUIET)

    def ask(
        self,
        latest: Latest,
        query: Query | None,
        network: ChosenNetwork | None,
        drawn: Drawn | None,
        how: Sequence[Any],
    ) -> Iterator[Updates]:
        """Answer a question, and say how far to trust the answer."""
        yield from latest.only(self._told(query, network, drawn, how), gr.skip())

    def begin(
        self,
        answered: Answered | None,
        latest: Latest,
        query: Query | None,
        network: ChosenNetwork | None,
        *given: Any,
    ) -> Iterator[Updates]:
        """Answer a question that came from elsewhere, or say what to do first; what is answered stays."""
        if query is not None and (answered is None or answered.query != query):
            yield from self.ask(latest, query, network, *given)
        elif query is None and answered is None:
            yield {self.found: gallery([], empty=NO_RUNS if network is None else NO_QUERY)}
        else:
            yield gr.skip()

    def _told(
        self, query: Query | None, network: ChosenNetwork | None, drawn: Drawn | None, how: Sequence[Any]
    ) -> Iterator[Updates]:
        if query is None or network is None:  # whoever took the image back has said why
            yield self._nothing(NO_RUNS if network is None else NO_QUERY)
            return
        try:
            yield from self._answered(query, _of_the_frame(network, drawn), how)
        except (WorkError, RunError, ConfigError, OSError) as error:
            box = {self._refusal: refused(UPLOAD, query.name)} if query.file else {}
            yield self._nothing(NO_ANSWER) | self.wait.named(self.wait.failed(error)) | box

    def _answered(self, query: Query, network: ChosenNetwork, how: Sequence[Any]) -> Iterator[Updates]:
        context, wait = self._context, self.wait
        run, name, among = network.directory(context), network.checkpoint, network.images
        k, temperature, hide = _read(how)
        question = Question(
            image_banks.allowed(context, among),
            query.content(),
            k,
            temperature,
            query.region,
            hide,
        )
        for task, fraction, text in context.encoded(run, name, among):
            yield wait.named(wait.at(task, fraction, text))
        one = context.worker.submit(neighbours, run.path, name, question).result()
        judged = answers.distrusted(quality(run, name).verdict)
        shown = self._shown(Answered(network, query, question, one)) | {self._notice: judged}
        yield shown | wait.named(wait.over())
        yield {self._notice: judged + self._trust(run, name, question, one)}

    def _shown(self, now: Answered) -> Updates:
        asked, votes, found = answers.answer_values(
            now.answer, image_banks.split_name(now.network.images), now.query.region
        )
        return {
            self.note: "",
            self._caption: answers.caption(now.query.title, now.network.title(self._context)),
            self.asked: asked,
            self._votes: votes,
            self.found: found,
            self._saves: gr.update(visible=True),
            self.answered: now,
            self._page.link: {"image": None if now.query.file else now.query.id},
        }

    def _nothing(self, sentence: str) -> Updates:
        """No answer, and no former one."""
        return {
            self.note: "",
            self._caption: "",
            self.asked: {},
            self._votes: {},
            self._notice: "",
            self.found: gallery([], empty=sentence),
            self._saves: gr.update(visible=False),
            self.answered: None,
            self._page.link: {"image": None},
        }

    def _placed(self, latest: Latest, now: Answered | None, drawn: Drawn | None) -> Iterator[Updates]:
        yield from latest.only(self._marked(now, drawn), gr.skip())

    def _marked(self, now: Answered | None, drawn: Drawn | None) -> Iterator[Updates]:
        """The image that was asked about on the map, if that is of the network that answered."""
        marks, told = canvas.unmarked(), ""
        if now is not None and drawn is not None and drawn.network == now.network:
            marks, told = self._marks(now.query, drawn)
        yield {self._chart: gr.update(marks=marks), self._place: told}

    def _marks(self, query: Query, drawn: Drawn) -> tuple[dict[str, Any], str]:
        """The image and lines to its neighbours, and how it was placed, as HTML."""
        network_and_map = (drawn.run.path, drawn.map.checkpoint, drawn.map.settings)
        try:
            placed = self._context.worker.submit(
                maps.place, *network_and_map, query.content(), region=query.region, on=drawn.place_on
            ).result()
        except WorkError as error:  # the neighbours stand without a place on the map
            return canvas.unmarked(), problem(str(error))
        whole = query.id if query.region is None else None
        row = drawn.map.ids.index(whole) if whole in drawn.map.ids else None
        return canvas.marks_of(placed, query.title, row), stamp(f"On the map: {placed.how}")

    def _trust(self, run: RunDirectory, name: str, question: Question, one: Answer) -> str:
        """What to make of the answer, as HTML: whether the image is unlike anything here."""
        try:
            found = self._context.builder.submit(
                novelty.novelty, run.path, name, question, one.features
            ).result()
        except WorkError:
            return ""  # the answer stands without it
        return answers.unlike(found) if found is not None and found.unlike else ""

    def outdated(self, network: ChosenNetwork | None, now: Answered | None, drawn: Drawn | None) -> str:
        """The note above the answer, as HTML; empty where it is the answer of the network that is chosen."""
        if now is None or network is None or now.network == _of_the_frame(network, drawn):
            return ""
        return outdated(
            f"the answer of {now.network.title(self._context)}", "Press Update for what is chosen now."
        )

    def _original(self, now: Answered | None) -> Updates:
        """The image that was asked about, as its file has it."""
        if now is None:
            return gr.skip()
        run, query = now.network.directory(self._context), now.query
        try:
            found = self._context.worker.submit(
                original, run.path, now.network.images, query.content()
            ).result()
        except WorkError as error:
            return {self._notice: problem(str(error))}
        return {self._viewer: answers.viewed(found, query.title)}

    def _save_list(self, now: Answered | None) -> Any:
        if now is None:
            return gr.skip()
        return download("neighbours.csv", "text/csv", table(*answers.rows_of(now.answer)))

    def _save_images(self, now: Answered | None) -> Any:
        if now is None:
            return gr.skip()
        content = images_zip((n.id, n.pixels) for n in now.answer.neighbours)
        return download("neighbours.zip", "application/zip", content)


def _of_the_frame(network: ChosenNetwork, drawn: Drawn | None) -> ChosenNetwork:
    """The network that is asked: of the checkpoint on the canvas while that goes through training."""
    if drawn is None or not drawn.story:
        return network
    same = (drawn.network.run, drawn.network.images) == (network.run, network.images)
    return drawn.network if same else network


def _read(how: Sequence[Any]) -> tuple[int, float, bool]:
    """Return what the form of `_settings_form` holds, within the bounds of its sliders."""
    k, temperature, hide = how
    return min(max(int(k or 1), 1), MOST), min(max(float(temperature or 0), LEAST_T), 1.0), bool(hide)


def _settings_form() -> tuple[gr.Slider, gr.Slider, gr.Checkbox]:
    """How many, how they vote, and whether the query's own class is left out."""
    k = gr.Slider(1, MOST, 20, step=1, label="Neighbours (k)", elem_id="neighbours-k", buttons=[])
    temperature = gr.Slider(
        LEAST_T,
        1,
        0.1,
        step=0.01,
        label="Temperature (T)",
        info="A vote weighs exp(similarity / T).",
        elem_id="neighbours-temperature",
        buttons=[],
    )
    hide = gr.Checkbox(label="Hide its own class", elem_id="neighbours-hide")
    return k, temperature, hide
