"""The form, generated from the schema: one control a field, with its limits, help and problems beside it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gradio as gr

from simsiam_core.config import Config, ConfigError, FieldSpec, allowed, fields, merge, parse
from simsiam_core.config.paths import absolute_path
from simsiam_core.config.sections.network import NAMED, RESNETS
from simsiam_core.config.sections.objective import with_method
from simsiam_core.config.unused import is_used
from simsiam_core.data.sources import SOURCES
from simsiam_core.runs import RunStore
from simsiam_core.runs.weights import check_weights
from simsiam_core.training import methods

Problems = dict[str, str]  # field path -> one sentence; "" for the config as a whole
PATH, BACKBONE, METHOD = "data.path", "model.backbone", "objective.method"
NOISE_ABOVE = 1000  # a greater upper bound is met by accident alone: said when it is broken, not in the help


class Form:
    """Controls for every field. Values go in and come out as the nested values of a config.

    `first` is the partial config, over the defaults, that the controls start with; `store` has the runs whose
    weights may be named. The controls appear where `place` and then `place_rest` are called.
    """

    def __init__(self, first: Mapping[str, Any], store: RunStore | None = None) -> None:
        self.specs = tuple(fields())
        self._store = store
        self._first = self._over_defaults(first)
        self.controls: dict[str, gr.components.Component] = {}

    def place(self, *paths: str) -> None:
        """Put the controls of some fields here, in this order."""
        by_path = {spec.path: spec for spec in self.specs}
        with gr.Row(elem_classes="form-grid"):
            for path in paths:
                self._add(by_path[path])

    def place_rest(self, later: Sequence[str] = ()) -> None:
        """Put all controls that have no place yet here: a group a section, its advanced fields last.

        Those of `later` get their place afterwards.
        """
        rest = [spec for spec in self.specs if spec.path not in (*self.controls, *later)]
        for section, specs in itertools.groupby(rest, key=lambda spec: spec.section):
            inside = sorted(specs, key=lambda spec: spec.advanced)
            with gr.Column(elem_classes="form-section", elem_id=f"form-{inside[0].path.partition('.')[0]}"):
                gr.HTML(f"<h3>{section}</h3>", elem_classes="form-title", padding=False)
                with gr.Row(elem_classes="form-grid"):
                    for spec in inside:
                        self._add(spec)

    def _add(self, spec: FieldSpec) -> None:
        visible = SHOWN_WHERE[spec.path](self._first) if spec.path in SHOWN_WHERE else True
        self.controls[spec.path] = _control(spec, _at(self._first, spec), visible)

    @property
    def ordered(self) -> list[gr.components.Component]:
        """The controls in the order of the schema."""
        return [self.controls[spec.path] for spec in self.specs]

    @property
    def first(self) -> list[Any]:
        """What the controls hold at first, in the order of the schema."""
        return [_shown(_at(self._first, spec)) for spec in self.specs]

    def values(self, given: Sequence[Any]) -> dict[str, Any]:
        """Nested values of a config from the controls' values, in the order of the schema."""
        nested: dict[str, Any] = {}
        for spec, value in zip(self.specs, given, strict=True):
            section, _, name = spec.path.rpartition(".")
            (nested.setdefault(section, {}) if section else nested)[name] = read(spec, value)
        return nested

    def problems(self, values: Mapping[str, Any], count: Callable[[Config], int | None]) -> Problems:
        """What is wrong with the values, by field; empty if they make a config that fits its images.

        `count` gives the number of training images (None: unknown), or raises ConfigError.
        """
        from simsiam_core.data import check_fit  # brings torch, which the page must not wait for

        try:
            config = parse(values)
            if self._store is not None:
                check_weights(config, self._store)
            images = count(config)
            if images is not None:
                check_fit(config, images)
        except ConfigError as error:
            return {problem.path: problem.message for problem in error.problems}
        return {}

    def fill(self, values: Mapping[str, Any]) -> list[Any]:
        """Updates that put a partial config over the defaults into the controls, problems cleared."""
        whole = self._over_defaults(values)
        updates = []
        for spec in self.specs:
            value = _shown(_at(whole, spec))
            updates.append(gr.update(value=value, **self._look(spec, None, whole)))
        return updates

    def marks(self, values: Mapping[str, Any], problems: Problems, shown: Problems) -> list[Any]:
        """Updates that show `problems` where `shown` were; controls that stay as they are get none."""
        updates: list[Any] = []
        for spec in self.specs:
            problem = problems.get(spec.path)
            changed = problem != shown.get(spec.path) or spec.path in SHOWN_WHERE
            updates.append(gr.update(**self._look(spec, problem, values)) if changed else gr.skip())
        return updates

    def marked(self, path: str, problem: str | None) -> Any:
        """An update of one control that shows its problem, or that it has none."""
        spec = next(spec for spec in self.specs if spec.path == path)
        return gr.update(info=_info(spec, problem), elem_classes=_classes(problem))

    def defaults(self) -> dict[str, Any]:
        """Nested values of the schema's defaults."""
        return self.values([_shown(spec.default) for spec in self.specs])

    def _over_defaults(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Put a partial config over the defaults, among which is a method: earlier versions named none."""
        objective = values.get("objective", {})
        return merge(self.defaults(), values, {"objective": with_method(objective)})

    @staticmethod
    def _look(spec: FieldSpec, problem: str | None, values: Mapping[str, Any]) -> dict[str, Any]:
        look: dict[str, Any] = {"elem_classes": _classes(problem), "info": _info(spec, problem)}
        if spec.path == PATH:
            look["info"] = problem or _whole_path(_at(values, spec)) or look["info"]
        if spec.path in SHOWN_WHERE:  # or where its value is refused all the same
            look["visible"] = bool(problem) or SHOWN_WHERE[spec.path](values)
        return look


def _needs_path(values: Mapping[str, Any]) -> bool:
    """Return whether images of the chosen source lie at a path."""
    source = values["data"]["source"]
    return source in SOURCES.names and SOURCES.get(source).needs_path


def _is_resnet(values: Mapping[str, Any]) -> bool:
    """Return whether the chosen network is one of ours; others have a stem and widths of their own."""
    return ":" not in str(values["model"]["backbone"])


def _by_method(spec: FieldSpec) -> Callable[[Mapping[str, Any]], bool]:
    """Return whether the chosen method uses a setting, as a function of the values."""
    return lambda values: is_used(spec, values["objective"]["method"])


# Fields that some choices of others leave without effect, and where they have one; they are hidden elsewhere.
SHOWN_WHERE: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    PATH: _needs_path,
    "model.stem": _is_resnet,
    "model.width": _is_resnet,
    **{spec.path: _by_method(spec) for spec in fields() if spec.methods},
}


def field_id(path: str) -> str:
    """Return the `elem_id` of a field's control: `field-training-batch-size`."""
    return "field-" + path.replace(".", "-").replace("_", "-")


def _control(spec: FieldSpec, value: Any, visible: bool) -> gr.components.Component:
    title = f"{spec.title} ({spec.unit})" if spec.unit else spec.title
    common: dict[str, Any] = {
        "label": title,
        "info": _info(spec),
        "value": _shown(value),
        "elem_id": field_id(spec.path),
        "elem_classes": ["field"],
        "visible": visible,
        "min_width": 200,
    }
    if spec.path == BACKBONE:  # the names of all libraries are added when it is opened
        return gr.Dropdown(choices=[*RESNETS, *NAMED], filterable=True, allow_custom_value=True, **common)
    if spec.path == METHOD:
        titles = [(method.title, name) for name, method in methods.listed().items()]
        return gr.Dropdown(choices=titles, filterable=False, **common)
    if spec.kind == "choice":
        return gr.Dropdown(choices=list(spec.choices), filterable=False, **common)
    if spec.kind == "bool":
        return gr.Checkbox(container=True, **common)
    if spec.kind == "text":
        return gr.Textbox(max_lines=1, **common)
    if _slides(spec):
        return gr.Slider(minimum=0, maximum=spec.maximum, step=0.01, buttons=[], **common)
    # No bounds here: gradio would answer a value outside them with a toast; parse() says it beside the field.
    return gr.Number(step=1 if spec.kind == "int" else None, **common)


def _slides(spec: FieldSpec) -> bool:
    """Augmentation strengths are tried out by hand while the preview follows."""
    return spec.path.startswith("augmentation.") and spec.maximum is not None and spec.maximum <= 1


def _info(spec: FieldSpec, problem: str | None = None) -> str:
    """The problem, if there is one, in the place of the help: beside the field, where the eye is."""
    if problem:
        return problem
    bounded = spec.kind in ("int", "float") and spec.maximum is not None and spec.maximum < NOISE_ABOVE
    return spec.description + (f" {allowed(spec).capitalize()}." if bounded and not _slides(spec) else "")


def _whole_path(given: Any) -> str:
    """What a relative path became, in the place of the help; empty for any other."""
    whole = absolute_path(given) if isinstance(given, str) and given else given
    return f"That is `{whole}`, seen from where the dashboard was started." if whole != given else ""


def _classes(problem: str | None) -> list[str]:
    return ["field", "has-problem"] if problem else ["field"]


def read(spec: FieldSpec, value: Any) -> Any:
    """Return a control's value as the schema takes it: no text is no value, and 3.0 a whole number.

    A path loses the spaces around it, which come along when it is copied from elsewhere.
    """
    if spec.path == PATH and isinstance(value, str):
        value = value.strip()
    if spec.optional and value in (None, ""):
        return None
    if spec.maximum is not None and _slides(spec) and isinstance(value, int | float | None):
        return min(max(value or 0, 0), spec.maximum)  # as the slider does once it is left
    if spec.kind == "int" and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _at(values: Mapping[str, Any], spec: FieldSpec) -> Any:
    section, _, name = spec.path.rpartition(".")
    return (values[section] if section else values)[name]


def _shown(value: Any) -> Any:
    """A value as a control takes it: nothing is no text, for gradio shows (and then sends) a number None as 0."""
    return "" if value is None else value
