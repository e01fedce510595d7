"""A recipe is chosen: it fills in the form, after the worker has suited it to the images where it adapts."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from typing import Any

import gradio as gr
from pydantic import ValidationError

from simsiam_core.config import ConfigError, Preset, merge, preset
from simsiam_core.features.worker import WorkError
from simsiam_core.runs import Choices
from simsiam_core.ui.components.latest import ASKING, Latest
from simsiam_core.ui.components.progress import waiting
from simsiam_core.ui.components.widget import event_value
from simsiam_core.ui.context import QUIET, Context
from simsiam_core.ui.train.draft import read_filled
from simsiam_core.ui.train.recipes import own_images
from simsiam_core.ui.train.settings import Held, SettingsPanel

MY_IMAGES = "my-images"
NO_IMAGES = (
    "This recipe is for images of your own: first drop a folder or a zip under Images, or give its path."
)
# Two that fill in the form do so one after the other: else the answer to the later one may be sent first.
IN_TURN: dict[str, Any] = {**ASKING, "concurrency_limit": 1, "concurrency_id": "recipe"}
# In the browser's own store, beside the draft: a reload keeps what was chosen and why.
KEPT = {"storage_key": "simsiam-train-choices", "secret": "simsiam-train-choices"}


class RecipeChoice:
    """What a click on a card does; for a recipe that adapts also progress, what was chosen, and why."""

    def __init__(self, context: Context, settings: SettingsPanel) -> None:
        self._context, self._settings = context, settings
        self.latest = gr.State(
            Latest()
        )  # the newest choice of a recipe, or of images with the recipe for them
        self.choices = gr.BrowserState(None, **KEPT)
        self._adapted = gr.State(None)  # the values and choices that the form is about to be filled in with

    def render(self) -> None:
        """Place the progress and the reasons."""
        self._wait = waiting("train-adapt")
        self._reasons = gr.HTML(elem_id="train-reasons", padding=False)

    @property
    def outputs(self) -> list[Any]:
        """The components that `adapt` updates."""
        return [*self._wait.outputs, self._adapted]

    @property
    def filling(self) -> dict[str, Any]:
        """The event that fills in the form after `adapt`: a step of its own, whose outputs arrive all at once."""
        outputs = [*self._settings.fill().outputs, self.choices, self._reasons, self._adapted]
        return {"fn": self._fill, "inputs": self._adapted, "outputs": outputs, **IN_TURN}

    def wire(self, page: gr.Blocks) -> None:
        """Show the reasons as long as the form is what they are about."""
        settings, shown = self._settings, [self.choices, self._reasons]
        plain, given = [*self.outputs, *settings.fill().outputs], [self.latest, settings.held]
        settings.recipes.select(self._use, given, plain, **IN_TURN)
        settings.recipes.select(self._use_adapting, given, self.outputs, **ASKING).then(**self.filling)
        settings.filling(self._still, [settings.filled_with, self.choices], shown, **QUIET)
        page.load(lambda kept: reasons(read_choices(kept)), self.choices, self._reasons, **QUIET)

    def _use(self, event: gr.EventData, latest: Latest, held: Held) -> dict[Any, Any]:
        """Fill in the form with a recipe that does not adapt; images of the person's own stay."""
        chosen = _preset_of(event)
        if chosen is None or chosen.adapts:
            return {}
        number = latest.begin(_asked_at(event))
        data = self._settings.values(held)["data"]
        own = {"data": {"source": data["source"], "path": data["path"]}} if own_images(data["source"]) else {}
        quiet = dict(zip(self._wait.outputs, self._wait.over(), strict=True))
        filled = self._settings.filled(merge(chosen.values, own), chosen.title, chosen.name)
        return {**quiet, self._adapted: None, **filled} if latest.is_newest(number) else {}

    def _use_adapting(self, event: gr.EventData, latest: Latest, held: Held) -> Iterator[dict[Any, Any]]:
        """Have the worker suit a recipe that adapts to the person's images, whose name stays that of the run."""
        chosen = _preset_of(event)
        if chosen is None or not chosen.adapts:
            yield {}
            return
        values = self._settings.values(held)
        own = own_images(values["data"]["source"])
        adapting = self.adapt(chosen.name, values["data"] if own else {}, values["name"] if own else "")
        yield from latest.only(adapting, gr.skip(), _asked_at(event))

    def adapt(self, name: str, data: Mapping[str, Any], run_name: str) -> Iterator[dict[Any, Any]]:
        """Yield updates: what is being looked at, then what suits these images, for the step `filling`."""
        from simsiam_core.training.adapt import adapt  # brings torch, which the page must not wait for

        wait = self._wait
        if not data.get("path"):
            yield dict(zip(wait.outputs, wait.failed(NO_IMAGES), strict=True))
            return
        images = {"source": data["source"], "path": data["path"]}
        task = self._context.builder.submit(adapt, name, {"name": run_name or name, "data": images})
        try:
            for update in wait.follow(task):
                yield dict(zip(wait.outputs, update, strict=True))
            adapted = task.result()
        except (WorkError, ConfigError) as error:
            yield dict(zip(wait.outputs, wait.failed(error), strict=True))
            return
        yield {**dict(zip(wait.outputs, wait.over(), strict=True)), self._adapted: adapted}

    def _fill(self, adapted: Any) -> dict[Any, Any]:
        if adapted is None:
            return {}
        name = adapted.choices.preset
        return {
            **self._settings.filled(adapted.values, preset(name).title, name),
            self.choices: adapted.choices.model_dump(mode="json"),
            self._reasons: reasons(adapted.choices),
            self._adapted: None,
        }

    def _still(self, filled: Any, kept: Any) -> dict[Any, Any]:
        choices = read_choices(kept)
        event = read_filled(filled)
        if choices is not None and event is not None and event.recipe == choices.preset:
            return {}
        return {self.choices: None, self._reasons: ""}


def _preset_of(event: gr.EventData) -> Preset | None:
    try:
        return preset(str(event_value(event, "name")))
    except ConfigError:
        return None


def _asked_at(event: gr.EventData) -> float | None:
    at = event_value(event, "at")
    return float(at) if isinstance(at, int | float) else None


def read_choices(kept: Any) -> Choices | None:
    """Read what the browser kept; None if it is none."""
    try:
        return Choices.model_validate(kept) if kept else None
    except ValidationError:
        return None


def reasons(choices: Choices | None) -> str:
    """Return what was seen and chosen as HTML, the choices folded away."""
    if choices is None:
        return ""
    seen = "".join(f'<p class="folder-note">{html.escape(text)}</p>' for text in choices.seen)
    lines = "".join(f"<li>{html.escape(choice.sentence)}</li>" for choice in choices.chosen)
    title = f"What was chosen for these images, and why ({len(choices.chosen)})"
    return f'{seen}<details class="folder-more"><summary>{title}</summary><ul>{lines}</ul></details>'
