"""What shall be measured: the kind of evaluation, its settings, and putting it into the queue."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from simsiam_core.config import ConfigError, FieldSpec, field_spec
from simsiam_core.config.evaluation import parse_evaluation, settings_model
from simsiam_core.evaluation.kinds import EVALUATIONS, listed
from simsiam_core.jobs import enqueue_evaluation
from simsiam_core.runs import RunError
from simsiam_core.ui.components.checkpoint_picker import NO_RUNS
from simsiam_core.ui.components.form import read
from simsiam_core.ui.context import Context
from simsiam_core.ui.context_bar.network import ChosenNetwork
from simsiam_core.ui.text import problem

Specs = list[tuple[FieldSpec, list[str], str]]  # a setting, the kinds that have it, and its elem_id
# A control whose elem_id is not that of its setting: scripts know it by this one.
ELEM_IDS = {"labels_share": "share"}


@dataclass(frozen=True)
class Setting:
    """A control that one or more kinds of evaluation have: the same for all whose setting is the same."""

    spec: FieldSpec
    kinds: list[str]
    control: gr.components.Component


class Form:
    """The controls, made where they stand in the layout: those of each kind from its settings."""

    def __init__(self, context: Context) -> None:
        self._context = context
        with gr.Column(elem_classes="sheet"):
            gr.HTML("<h3>Measure</h3>", padding=False)
            kinds = listed()
            self.first = next(iter(kinds))
            choices = [(kind.title, name) for name, kind in kinds.items()]
            self.kind = gr.Radio(choices, value=self.first, show_label=False, elem_id="evaluate-kind")
            self._about = gr.HTML(about(self.first), padding=False)
            specs = _specs(kinds)
            chosen = [self._made(*found) for found in specs if _offers(found[0])]
            with gr.Row(visible=self._has_numbers(self.first, specs)) as self._numbers:
                typed = [self._made(*found) for found in specs if not _offers(found[0])]
            self._specs, self._settings = specs, [*chosen, *typed]
            self.start = gr.Button("Measure", variant="primary", elem_id="evaluate-start", interactive=False)
            self.message = gr.HTML(elem_id="evaluate-message", padding=False)
        self.settings = [self.kind, *(setting.control for setting in self._settings)]
        self.by_kind = [self._about, self._numbers, *(setting.control for setting in self._settings)]

    def use_kind(self, kind: str) -> list[Any]:
        """Show what this kind can be told: for `by_kind`."""
        shown = [kind in setting.kinds for setting in self._settings]
        looks = [self._has_numbers(kind, self._specs), *shown]
        return [about(kind), *(gr.update(visible=visible) for visible in looks)]

    def begin(self, network: ChosenNetwork | None, *given: Any) -> tuple[str, Any]:
        """Queue what `settings` say of a network: for `message`, and the id of the evaluation to show."""
        if network is None:
            return problem(NO_RUNS), gr.skip()
        try:
            settings = parse_evaluation(self._values(network.checkpoint, given))
            run = network.directory(self._context)
            run.checkpoint(settings.checkpoint)
            job = self._context.change(
                lambda: enqueue_evaluation(
                    self._context.store,
                    run,
                    settings.model_dump(mode="json"),
                    self._context.placement_for(run),
                )
            )
        except (ConfigError, RunError) as error:
            return problem(str(error)), gr.skip()
        return "", job.id

    def _values(self, checkpoint: str, given: Sequence[Any]) -> dict[str, Any]:
        """What the chosen kind knows, out of all that the controls say."""
        kind, *rest = given
        own = {
            setting.spec.name: read(setting.spec, value)
            for setting, value in zip(self._settings, rest, strict=True)
            if kind in setting.kinds
        }
        return {"kind": kind, "checkpoint": checkpoint, **own}

    def _made(self, spec: FieldSpec, kinds: list[str], elem_id: str) -> Setting:
        return Setting(spec, kinds, _control(spec, elem_id, self.first in kinds))

    @staticmethod
    def _has_numbers(kind: str, specs: Specs) -> bool:
        return any(kind in kinds and not _offers(spec) for spec, kinds, _ in specs)


def _specs(kinds: Iterable[str]) -> Specs:
    """Every setting that the form shows, the kinds that have it, and its elem_id."""
    found: dict[FieldSpec, list[str]] = {}
    for kind in kinds:
        for name, info in settings_model(kind).model_fields.items():
            spec = field_spec(name, "", info)
            if name not in ("kind", "checkpoint") and not spec.advanced:
                same = next(
                    (
                        other
                        for other in found
                        if replace(other, description="") == replace(spec, description="")
                    ),
                    spec,
                )
                found.setdefault(same, []).append(kind)
    names: set[str] = set()
    specs = []
    for spec, having in found.items():
        name = ELEM_IDS.get(spec.name, spec.name.replace("_", "-"))
        name = f"{having[0]}-{name}" if name in names else name
        names.add(name)
        specs.append((spec, having, f"evaluate-{name}"))
    return specs


def _offers(spec: FieldSpec) -> bool:
    """Whether there are few values to choose from."""
    return bool(spec.offered or spec.choices)


def _control(spec: FieldSpec, elem_id: str, visible: bool) -> gr.components.Component:
    common: dict[str, Any] = {
        "value": spec.default,
        "label": spec.title,
        "visible": visible,
        "elem_id": elem_id,
    }
    if _offers(spec):
        return gr.Radio(list(spec.offered or spec.choices), **common)
    if spec.kind == "bool":
        return gr.Checkbox(**common)
    if spec.kind == "text":
        return gr.Textbox(max_lines=1, **common)
    return gr.Number(step=1 if spec.kind == "int" else None, min_width=90, **common)


def about(kind: str) -> str:
    """What a kind measures, as HTML."""
    return f'<p class="stamp">{EVALUATIONS.get(kind).help if kind in EVALUATIONS.names else ""}</p>'
