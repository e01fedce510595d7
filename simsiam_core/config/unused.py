"""Settings that the chosen method does not use: refused where they were asked for, otherwise ignored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simsiam_core.config.fields import FieldSpec, fields
from simsiam_core.config.problems import ConfigError, Problem
from simsiam_core.config.schema import Config


def is_used(spec: FieldSpec, method: str) -> bool:
    """Return whether a training method uses a setting."""
    return not spec.methods or method in spec.methods


def refuse_unused(config: Config, given: Mapping[str, Any]) -> None:
    """Check that the method of a config uses every setting that somebody gave, as nested values.

    For flags, sweeps and the changes of a fork. A file or a form holds the settings of all methods, so there
    they are ignored instead. Raises ConfigError.
    """
    problems = [
        Problem(spec.path, _sentence(spec, config.objective.method))
        for spec in fields()
        if not is_used(spec, config.objective.method) and _names(given, spec)
    ]
    if problems:
        raise ConfigError(problems)


def ignored_sentence(config: Config) -> str:
    """Return a sentence about settings that differ from their defaults without effect; empty if none does."""
    method, values = config.objective.method, config.model_dump()
    without = []
    for spec in fields():
        if not is_used(spec, method):
            value = values[spec.path.partition(".")[0]][spec.name]
            weightless = isinstance(value, float) and not value  # as earlier versions stored Rotation weight
            without += [f"{spec.title} ({spec.path})"] if value != spec.default and not weightless else []
    return f"Not used by {method}, and ignored: {', '.join(without)}." if without else ""


def _names(given: Mapping[str, Any], spec: FieldSpec) -> bool:
    section, _, name = spec.path.rpartition(".")
    inside = given.get(section)
    return isinstance(inside, Mapping) and name in inside


def _sentence(spec: FieldSpec, method: str) -> str:
    users = " or ".join(spec.methods)
    return f"{spec.title} has no effect on {method}; leave it out, or choose the method {users}."
