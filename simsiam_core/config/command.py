"""The terminal command that trains with a config: a flag for every setting that differs from its default."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

from simsiam_core.config.fields import FieldSpec, fields
from simsiam_core.config.schema import Config


def train_command(config: Config) -> str:
    """Return the command, quoted for a POSIX shell; what it parses to is `config`."""
    return shlex.join(["python", "-m", "simsiam_core", "train", *_flags(config)])


def _flags(config: Config) -> Iterator[str]:
    values, defaults = config.model_dump(mode="json"), Config().model_dump(mode="json")
    for spec in fields():
        value = _at(values, spec.path)
        if value != _at(defaults, spec.path):
            yield _flag(spec, value)


def _flag(spec: FieldSpec, value: Any) -> str:
    """Return a setting as one word, so that a value that begins with a dash is no flag."""
    name = spec.path.replace("_", "-")
    if spec.kind == "bool":
        return f"--{name}" if value else f"--no-{name}"
    return f"--{name}={'none' if value is None else value}"


def _at(values: Any, path: str) -> Any:
    for part in path.split("."):
        values = values[part]
    return values
