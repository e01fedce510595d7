"""Validation in words: one clear sentence per field, the same in the form and on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from simsiam_core.config.fields import FieldSpec, fields
from simsiam_core.config.schema import Config


@dataclass(frozen=True)
class Problem:
    """What is wrong with one field: `path` as in `training.batch_size` ("" for the whole), and a sentence."""

    path: str
    message: str

    def __str__(self) -> str:
        """The sentence with the path where that helps to find the flag or the line: on the terminal."""
        named = "." in self.path and self.path not in self.message
        return f"{self.message.removesuffix('.')} ({self.path})." if named else self.message


class ConfigError(ValueError):
    """A config that cannot be used; every problem is one sentence that says what to do."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, problems)))

    @classmethod
    def at(cls, path: str, message: str) -> ConfigError:
        """A single problem, at the field `path`."""
        return cls([Problem(path, message)])


def parse(values: Mapping[str, Any]) -> Config:
    """Validate nested values. Raises ConfigError that names each field, what was given and what is allowed."""
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError([_in_words(dict(e)) for e in error.errors()]) from None


def _in_words(error: dict[str, Any]) -> Problem:
    path = ".".join(str(part) for part in error["loc"])
    kind, context, given = error["type"], error.get("ctx", {}), error["input"]
    if kind == "value_error":  # raised by a validator above, which names its field and writes the sentence
        path, _, message = str(context["error"]).partition(": ")
        return Problem(path, message)
    spec = next((s for s in fields() if s.path == path), None)
    if kind == "extra_forbidden":
        known = sorted(
            s.name if "." in path else s.path.split(".")[0] for s in fields() if _siblings(s, path)
        )
        return Problem(path, f"Unknown setting {path}; known here: {', '.join(dict.fromkeys(known))}.")
    shown = "empty" if given in (None, "") else repr(given) if isinstance(given, str) else f"{given}"
    if spec is None:
        return Problem(path, f"{path} is {shown}; it must be a group of settings.")
    return Problem(path, f"{spec.title} is {shown}; it must be {allowed(spec)}.")


def _siblings(spec: FieldSpec, path: str) -> bool:
    return "." not in path or spec.path.rpartition(".")[0] == path.rpartition(".")[0]


def allowed(spec: FieldSpec) -> str:
    """What a field accepts, in words: "a whole number from 2 to 65536"."""
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
