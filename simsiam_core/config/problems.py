"""Validation messages: one clear sentence per field, the same in the form and on the terminal."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from simsiam_core.config.fields import FieldSpec, fields, find_field
from simsiam_core.config.scalars import hint
from simsiam_core.config.schema import Config
from simsiam_core.config.section import AS_STORED

_SHORT = reprlib.Repr()  # an invalid value may be as long as a whole file
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 80
_SHORT.maxlevel, _SHORT.maxlist, _SHORT.maxdict = 1, 3, 3


@dataclass(frozen=True)
class Problem:
    """Problem with one field: `path` as in `training.batch_size` ("" for the whole config), and a sentence."""

    path: str
    message: str

    def __str__(self) -> str:
        """Return the sentence for the terminal, with the path if that helps to find the flag or the line."""
        named = "." in self.path and self.path not in self.message
        return f"{self.message.removesuffix('.')} ({self.path})." if named else self.message


class ConfigError(ValueError):
    """Error for an invalid config; every problem is one sentence that says what to do."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, problems)))

    @classmethod
    def at(cls, path: str, message: str) -> ConfigError:
        """Make an error with a single problem, at the field `path`."""
        return cls([Problem(path, message)])


def parse(values: Mapping[str, Any], *, stored: bool = False) -> Config:
    """Validate nested values. Raises ConfigError that names each field, the given value and what is allowed.

    `stored` values were written by a run: a relative path in them, from an earlier version, stays relative.
    """
    try:
        return Config.model_validate(values, context=AS_STORED if stored else None)
    except ValidationError as error:
        raise ConfigError([_in_words(dict(e)) for e in error.errors()]) from None


def _in_words(error: dict[str, Any]) -> Problem:
    path = ".".join(str(part) for part in error["loc"])
    kind, context, given = error["type"], error.get("ctx", {}), error["input"]
    if kind == "value_error":  # raised by a validator of the schema as "field: sentence"
        path, _, message = str(context["error"]).partition(": ")
        return Problem(path, message)
    spec = next((s for s in fields() if s.path == path), None)
    if kind == "extra_forbidden":
        return Problem(path, unknown_setting(path))
    shown = "empty" if given in (None, "") else _SHORT.repr(given)
    if path == "schema_version":
        return Problem(path, f"schema_version is {shown}; this version of the program reads 1.")
    if spec is None:
        return Problem(path, f"{path} is {shown}; it must be a group of settings.")
    why = hint(given) if spec.kind in ("bool", "int", "float") and isinstance(given, str) else ""
    return Problem(path, f"{spec.title} is {shown}; it must be {allowed(spec)}{why and f' ({why})'}.")


def unknown_setting(path: str) -> str:
    """Return a sentence about an unknown setting that suggests the likely one, or lists all of its section."""
    section, _, name = path.rpartition(".")
    meant = find_field(name)
    known = [s.name if section else s.path.split(".")[0] for s in fields() if not section or _in(s, section)]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
    if meant:
        advice = f"write {meant.path}."
    elif near:
        advice = f"write {f'{section}.' if section else ''}{near[0]}."
    else:
        advice = f"known here: {', '.join(sorted(set(known)))}."
    return f"Unknown setting {path}; {advice}"


def _in(spec: FieldSpec, section: str) -> bool:
    return spec.path.rpartition(".")[0] == section


def allowed(spec: FieldSpec) -> str:
    """Describe what a field accepts: "a whole number from 2 to 65536"."""
    if spec.kind == "choice":
        return "one of " + ", ".join(spec.choices)
    if spec.kind == "bool":
        return "true or false"
    if spec.kind == "text":
        return (
            "text of at most 40 letters, digits, spaces, dots and hyphens" if spec.path == "name" else "text"
        )
    noun = "a whole number" if spec.kind == "int" else "a number"
    low = f"{spec.minimum:g}" if spec.minimum is not None and abs(spec.minimum) < 1e5 else spec.minimum
    high = f"{spec.maximum:.10g}" if spec.maximum is not None else None
    if spec.kind == "float" and spec.minimum == 0 and _exclusive(spec, "gt"):
        return f"{noun} above 0 and at most {high}"
    if low is not None and high is not None:
        return f"{noun} from {low} to {high}" + (" (not included)" if _exclusive(spec, "lt") else "")
    return f"{noun} of at least {low}" if low is not None else noun


def _exclusive(spec: FieldSpec, side: str) -> bool:
    section, _, name = spec.path.rpartition(".")
    model = Config.model_fields[section].annotation if section else Config
    info = model.model_fields[name]  # type: ignore[union-attr]
    return any(getattr(constraint, side, None) is not None for constraint in info.metadata)
