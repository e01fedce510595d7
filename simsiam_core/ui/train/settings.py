"""The recipe and the settings: filled in, followed while they are typed, kept in the browser, and taken back."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import gradio as gr

from simsiam_core.config import Config, ConfigError, parse, preset
from simsiam_core.ui.components.fill import Fill
from simsiam_core.ui.components.form import BACKBONE, PATH, Form, Problems, field_id
from simsiam_core.ui.components.widget import event_value, widget
from simsiam_core.ui.context import QUIET, Context
from simsiam_core.ui.text import problem
from simsiam_core.ui.train.draft import (
    KEPT,
    Draft,
    Filled,
    Settings,
    by_path,
    nested,
    read_draft,
    read_filled,
)
from simsiam_core.ui.train.recipes import FIRST_PRESET, recipes

OPEN = ("objective.method", BACKBONE, "training.epochs", "training.batch_size", "optimiser.base_lr")
SOURCE, IMAGES = "data.source", ("data.source", PATH, "data.image_size")
# In the browser's own store, which belongs to the person; encryption is the component's and not needed.
DRAFT = {"storage_key": "simsiam-train-draft", "secret": "simsiam-train-draft"}
EDITED = "(held, ...given) => [{ ...held, given }]"
FILLED = "(filled, ...given) => [{ filled, base: given, given }]"
Held = Mapping[str, Any]
Updates = dict[Any, Any]


class SettingsPanel:
    """The cards of recipes, five settings in sight, and the others in a drawer with a search box."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._gpu = context.scheduler is not None and any(s.kind == "GPU" for s in context.scheduler.slots)
        self.form = Form(preset(FIRST_PRESET).values, context.store)
        self._draft = gr.BrowserState(None, **DRAFT)
        self._history = gr.State([])  # earlier drafts, the newest last
        # The `Filled` of the last time that the form was filled in, and when that was: a state, which changes only once
        # all controls have what is new.
        self._filled, self._filled_at = gr.JSON(None, visible=False), gr.State(None)
        self._shown = gr.State({})  # the problems that stand beside the fields of this page
        # What the controls hold (`given`) and held just after the form was filled in (`base`), in the order of the
        # schema, and the `Filled` of that; see components/gathered.py. One event follows them, and
        # what follows the form follows the state that this event sets: a browser looks every target of every event up
        # for every component; and of several events of one component that are to keep the last trigger, each that was
        # deferred has gradio trigger all of them again.
        held = {"filled": None, "base": self.form.first, "given": self.form.first}
        self.held = gr.JSON(held, visible=False)
        self._settled, self.settled_at = gr.State(None), gr.State(None)
        self.named = gr.State(None)  # when images were put into their fields, without the rest of the form
        self.message = gr.HTML(elem_id="train-message", padding=False, render=False)
        self.attention = widget("train/attention", "train-attention", visible="hidden")

    def render(self) -> None:
        """Place the cards and the settings."""
        self._recipes = widget("train/recipes", "train-presets", recipes(FIRST_PRESET, "textures", self._gpu))
        self.form.place(*OPEN)
        self._changed = widget("train/changed", "train-changed", _nothing_changed())
        with gr.Accordion("All settings", open=False, elem_id="form-drawer", elem_classes="form-more"):
            widget("train/search", "train-search")
            self.form.place_rest(later=["name"])  # which stands beside what the run will be

    @property
    def recipes(self) -> gr.HTML:
        """The cards; `select` comes with the name of one."""
        return self._recipes

    @property
    def filled_with(self) -> gr.JSON:
        """What the form was last filled in with, a `Filled` as plain values."""
        return self._filled

    @property
    def settling(self) -> Any:
        """Event after the form was edited or filled in."""
        return self._settled.change

    @property
    def filling(self) -> Any:
        """Event after the form was filled in; when that was is in `settled_at`."""
        return self.settled_at.change

    def fill(self) -> Fill:
        """Return how others write into the form and read from it."""
        outputs = [*self.form.ordered, self._shown, self._recipes, self._filled, self._filled_at]
        return Fill(outputs, lambda values: list(self.filled(values).values()), self.held, self.values)

    def filled(self, values: Mapping[str, Any], title: str = "a run", recipe: str | None = None) -> Updates:
        """Return updates that fill in a partial config over the defaults; `title` says what it is."""
        event = Filled(time.time(), title, recipe)
        source = values.get("data", {}).get("source", "textures")
        return {
            **dict(zip(self.form.ordered, self.form.fill(values), strict=True)),
            self._shown: {},
            self._recipes: recipes(recipe, source, self._gpu),
            **self._with(event),
        }

    def _with(self, event: Filled) -> Updates:
        """Return updates that say with what the form is filled in."""
        return {self._filled: asdict(event), self._filled_at: event.at}

    def values(self, held: Held) -> dict[str, Any]:
        """Return the nested values of a config that the controls stand for."""
        given, _, _ = self._read(held)
        return self.form.values(given)

    def _read(self, held: Held) -> tuple[list[Any], list[Any], Filled | None]:
        """Return what the controls hold, what they were filled in with, and as what; checked for its shape."""
        first = self.form.first
        held = held if isinstance(held, Mapping) else {}
        given, base = (
            found if isinstance(found := held.get(name), list) and len(found) == len(first) else first
            for name in ("given", "base")
        )
        return given, base, read_filled(held.get("filled"))

    def problems(self, values: Mapping[str, Any], anew: bool = False) -> Problems:
        """Return what is wrong with the values, by field, as far as that is known; `anew`: as of now."""
        counts, networks = self._context.counts, self._context.networks
        found = self.form.problems(values, counts.anew if anew else counts.of)
        if found or not anew:
            return found or networks.problems(parse(values))
        try:
            networks.check(parse(values))
        except ConfigError as error:
            return {one.path: one.message for one in error.problems}
        return {}

    def sound(self, held: Held) -> Config | None:
        """Return the config that the controls stand for, if nothing is wrong with it."""
        values = self.values(held)
        return None if self.form.problems(values, self._context.counts.of) else parse(values)

    def marks(self, held: Held, problems: Problems, shown: Problems) -> Updates:
        """Return updates that show the problems at their fields, and a sentence that names these."""
        values = self.values(held)
        return {
            **dict(zip(self.form.ordered, self.form.marks(values, problems, shown), strict=True)),
            self._shown: problems,
            self.message: self._sentence(problems),
        }

    @property
    def marked(self) -> list[Any]:
        """The components that `marks` updates."""
        return [*self.form.ordered, self._shown, self.message]

    @property
    def shown(self) -> gr.State:
        """The problems that stand beside the fields."""
        return self._shown

    def focus(self, problems: Problems) -> Any:
        """Return a value of `attention`: the first field with a problem is scrolled to and gets the focus."""
        bad = [spec.path for spec in self.form.specs if spec.path in problems]
        bad.sort(key=lambda path: path not in (*IMAGES, *OPEN))  # those in sight first
        return {"id": field_id(bad[0]), "at": time.time()} if bad else gr.skip()

    def wire(self, page: gr.Blocks) -> None:
        """Connect the events of the panel's own parts."""
        outputs = self.fill().outputs
        controls = self.form.ordered
        edited = [control.input for control in controls]
        # Enter on a box is a choice to gradio, and no input.
        edited += [control.select for control in controls if isinstance(control, gr.Checkbox)]
        edited.append(self.named.change)
        gr.on(edited, None, [self.held, *controls], self.held, js=EDITED, **QUIET)
        gr.on(self._filled_at.change, None, [self._filled, *controls], self.held, js=FILLED, **QUIET)
        self.held.change(
            self._keep,
            [self.held, self._draft, self._history],
            [self._draft, self._history, self._changed, self._recipes, self._settled, self.settled_at],
            trigger_mode="always_last",
            **QUIET,
        )
        self._changed.click(
            self._take_back,
            [self._draft, self._history],
            [*outputs, self._draft, self._history],
            **QUIET,
        )
        backbone = self.form.controls[BACKBONE]
        names = self._context.networks.names
        backbone.focus(lambda: gr.update(choices=list(names())), None, backbone, **QUIET)
        page.load(self._restore, self._draft, outputs, **QUIET)

    def _keep(self, held: Held, kept: Any, history: list[Any]) -> Updates:
        """Keep the draft, of which one that was just replaced can be brought back; then what follows the form comes."""
        given, base, event = self._read(held)
        if event is None:  # the browser's draft has not come yet
            return {self._settled: {"given": given, "at": None}}
        draft, settings, first = read_draft(kept), by_path(given), by_path(base)
        updates: Updates = {}
        if draft is None or draft.filled.at != event.at:
            if draft is not None and draft.settings != first:
                history = [*history, draft.as_json()][-KEPT:]
                updates[self._history] = history
            draft = Draft(settings, first, event)
        elif draft.settings.get(SOURCE) != settings[SOURCE]:
            updates[self._recipes] = recipes(event.recipe, str(settings[SOURCE]), self._gpu)
        draft = draft.follow(settings)
        return {
            **updates,
            self._draft: draft.as_json(),
            self._changed: _changes(draft, bool(history)),
            self._settled: {"given": given, "at": event.at},
            self.settled_at: event.at,
        }

    def _take_back(self, event: gr.EventData, kept: Any, history: list[Any]) -> Updates:
        """Reset to what the form was filled in with, or undo the last time that it was filled in."""
        draft = read_draft(kept)
        if event_value(event, "act") == "undo" and history and (earlier := read_draft(history[-1])):
            return {
                **self._back(earlier.settings, earlier.filled),
                self._draft: earlier.as_json(),
                self._history: history[:-1],
            }
        if event_value(event, "act") == "reset" and draft is not None:
            return self.filled(nested(draft.base), draft.filled.title, draft.filled.recipe)
        return {}

    def _restore(self, kept: Any) -> Updates:
        """Bring back what the browser kept; without that, the first recipe stands there already."""
        draft = read_draft(kept)
        if draft is None:
            return self._with(Filled(time.time(), preset(FIRST_PRESET).title, FIRST_PRESET))
        return self._back(draft.settings, draft.filled)

    def _back(self, settings: Settings, filled: Filled) -> Updates:
        return {**self.filled(nested(settings), filled.title, filled.recipe), **self._with(filled)}

    def _sentence(self, problems: Problems) -> str:
        """Which fields need attention: they may be folded away."""
        if not problems:
            return ""
        if set(problems) == {""}:
            return problem(problems[""])
        titles = ", ".join(f"{s.title} ({s.section})" for s in self.form.specs if s.path in problems)
        return problem(f"Please look at: {titles}.")


def _changes(draft: Draft, undo: bool) -> dict[str, Any]:
    changed = [{"id": field_id(spec.path), "title": spec.title} for spec in draft.changed()]
    return {"changed": changed, "title": draft.filled.title, "undo": undo}


def _nothing_changed() -> dict[str, Any]:
    return {"changed": [], "title": preset(FIRST_PRESET).title, "undo": False}
