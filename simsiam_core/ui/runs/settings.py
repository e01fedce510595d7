"""The settings of runs as they were resolved, and those in which some differ."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from simsiam_core.config import fields
from simsiam_core.config.fields import FieldSpec
from simsiam_core.runs import RunDirectory, RunError

NAME = "name"  # of a run, which is no setting


@cache
def specs() -> dict[str, FieldSpec]:
    """Every setting by its path."""
    return {spec.path: spec for spec in fields()}


def values(run: RunDirectory) -> dict[str, Any]:
    """Every setting of a run by path; empty if its config cannot be read."""
    try:
        config = run.config()
    except RunError:
        return {}
    found: dict[str, Any] = {}
    for path in specs():
        section, _, name = path.rpartition(".")
        found[path] = getattr(getattr(config, section) if section else config, name)
    return found


def differences(runs: Sequence[RunDirectory]) -> dict[str, list[Any]]:
    """The settings in which these runs differ, by path, one value a run."""
    every = [values(run) for run in runs]
    return {
        path: [found.get(path) for found in every]
        for path in specs()
        if path != NAME and len({repr(found.get(path)) for found in every}) > 1
    }


def title(path: str) -> str:
    """Of a setting, with its section where another has the same title."""
    spec = specs()[path]
    alone = sum(other.title == spec.title for other in specs().values()) == 1
    return spec.title if alone else f"{spec.section}: {spec.title}"


def text(value: Any) -> str:
    """The value of a setting as the tables show it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)
