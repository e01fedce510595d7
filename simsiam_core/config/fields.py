"""Schema as data, from which the form, the flags and the documentation are generated."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Union, cast, get_args, get_origin

from pydantic.fields import FieldInfo

from simsiam_core.config.scalars import scalar
from simsiam_core.config.schema import Config
from simsiam_core.config.section import Section

SHORT_NAMES = {"lr": "optimiser.base_lr"}


@dataclass(frozen=True)
class FieldSpec:
    """Leaf of the schema."""

    path: str  # "training.batch_size"
    section: str  # "Training"
    kind: Literal["choice", "bool", "int", "float", "text"]
    optional: bool  # whether None is allowed
    choices: tuple[str, ...]
    title: str
    description: str
    unit: str
    advanced: bool
    offered: tuple[tuple[str, Any], ...]  # (label, value) pairs in a form; empty: the choices or any value
    default: Any
    minimum: float | None
    maximum: float | None
    methods: tuple[str, ...] = ()  # values of objective.method that use it; empty: all of them

    @property
    def name(self) -> str:
        """Leaf name, such as `batch_size`; these are unique, so they serve as short flags."""
        return self.path.rpartition(".")[2]

    def nested(self, value: Any) -> dict[str, Any]:
        """Return a partial config that holds only this value."""
        section = self.path.rpartition(".")[0]
        return {section: {self.name: value}} if section else {self.name: value}


def fields() -> Iterator[FieldSpec]:
    """Yield every setting, in the order of the form."""
    yield field_spec("name", "Run", Config.model_fields["name"])
    for section_name, section in Config.model_fields.items():
        model = section.annotation
        if isinstance(model, type) and issubclass(model, Section):
            for name, info in model.model_fields.items():
                yield field_spec(
                    f"{section_name}.{name}", model.model_config.get("title") or section_name, info
                )


def find_field(name: str) -> FieldSpec | None:
    """Find the field for a name such as `training.batch_size`, `batch-size` or `lr`; None if there is none."""
    plain = name.strip().replace("-", "_")
    plain = SHORT_NAMES.get(plain, plain)
    return next((spec for spec in fields() if plain in (spec.path, spec.name)), None)


def typed(spec: FieldSpec, value: Any) -> Any:
    """Convert text from a flag or a sweep to the type of its field; text that does not fit stays text."""
    if not isinstance(value, str) or not value:
        return value
    if spec.optional and value.lower() == "none":
        return None
    return value if spec.kind in ("text", "choice") else scalar(value)


def field_spec(path: str, section: str, info: FieldInfo) -> FieldSpec:
    """Describe a field of any `Section`."""
    annotation, optional = info.annotation, False
    if get_origin(annotation) in (Union, types.UnionType):
        (annotation,) = (a for a in get_args(annotation) if a is not type(None))
        optional = True
    choices = tuple(get_args(annotation)) if get_origin(annotation) is Literal else ()
    kinds: dict[Any, Any] = {bool: "bool", int: "int", float: "float", str: "text"}
    bounds = {}
    for constraint in info.metadata:
        for side in ("ge", "gt", "le", "lt"):
            if getattr(constraint, side, None) is not None:
                bounds[side[0]] = float(getattr(constraint, side))
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    return FieldSpec(
        path=path,
        section=section,
        kind="choice" if choices else kinds[annotation],
        optional=optional,
        choices=choices,
        title=info.title or path,
        description=info.description or "",
        unit=str(extra.get("unit", "")),
        advanced=bool(extra.get("advanced", False)),
        offered=tuple(dict(cast(dict[str, Any], extra.get("offered", {}))).items()),
        default=info.default,
        minimum=bounds.get("g"),
        maximum=bounds.get("l"),
        methods=tuple(cast(list[str], extra.get("methods", []))),
    )
