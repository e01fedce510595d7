"""What stands in the form and what it was filled in with, kept in the browser: it outlives a reload and a restart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from simsiam_core.config import FieldSpec, fields
from simsiam_core.ui.components.form import read

Settings = dict[str, Any]  # by path in the schema, as the controls hold them
KEPT = 20  # earlier forms that can be brought back
MAX_TEXT = 4096  # of one setting; what is longer was not written by this page


@dataclass(frozen=True)
class Filled:
    """An event that filled in the form: when, with what (`title`), and the recipe it was, if it was one."""

    at: float
    title: str
    recipe: str | None = None


@dataclass(frozen=True)
class Draft:
    """The form's settings, and those (`base`) that it was last filled in with."""

    settings: Settings
    base: Settings
    filled: Filled

    def follow(self, settings: Settings) -> Draft:
        """Return the draft after something was typed."""
        return replace(self, settings=settings)

    def changed(self) -> list[FieldSpec]:
        """Return the fields that hold something else than they were filled in with; a name is no setting."""
        return [
            spec
            for spec in fields()
            if spec.path != "name"
            and _plain(spec, self.settings.get(spec.path)) != _plain(spec, self.base.get(spec.path))
        ]

    def as_json(self) -> dict[str, Any]:
        """Return the draft as plain values."""
        return asdict(self)


def by_path(given: Sequence[Any]) -> Settings:
    """Return the controls' values by path, from their values in the order of the schema."""
    return {spec.path: value for spec, value in zip(fields(), given, strict=True)}


def nested(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as a partial config."""
    values: dict[str, Any] = {}
    for spec in fields():
        if spec.path in settings:
            section, _, name = spec.path.rpartition(".")
            (values.setdefault(section, {}) if section else values)[name] = read(spec, settings[spec.path])
    return values


def read_draft(kept: Any) -> Draft | None:
    """Read what the browser kept; None if it is no draft. Only known settings with plain values are taken."""
    if not isinstance(kept, Mapping):
        return None
    settings, base, filled = (kept.get(name) for name in ("settings", "base", "filled"))
    if not (isinstance(settings, Mapping) and isinstance(base, Mapping)):
        return None
    event = read_filled(filled)
    return Draft(_known(settings), _known(base), event) if event else None


def read_filled(kept: Any) -> Filled | None:
    """Read the event that filled in the form; None if it is none."""
    if not isinstance(kept, Mapping):
        return None
    at, title, recipe = (kept.get(name) for name in ("at", "title", "recipe"))
    if isinstance(at, bool) or not isinstance(at, int | float) or not isinstance(title, str):
        return None
    return Filled(float(at), title[:80], recipe if isinstance(recipe, str) else None)


def _known(kept: Mapping[Any, Any]) -> Settings:
    return {spec.path: kept[spec.path] for spec in fields() if _is_plain(kept.get(spec.path))}


def _is_plain(value: Any) -> bool:
    return isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= MAX_TEXT)


def _plain(spec: FieldSpec, value: Any) -> Any:
    """Return a value such that no text and no value are the same."""
    return read(spec, value) or None if isinstance(value, str) else value
