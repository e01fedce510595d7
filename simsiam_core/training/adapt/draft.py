"""Draft of an adapted config: settings with the reason for each, in the order in which they were chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simsiam_core.config import merge
from simsiam_core.runs import Choice


class Draft:
    """Settings chosen so far. What somebody gave stays as given and is not chosen again."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given
        self.values: dict[str, Any] = {}
        self.choices: list[Choice] = []

    def choose(self, path: str, value: Any, reason: str) -> None:
        """Choose one setting, for a reason that is a clause, unless it was given or chosen before."""
        if not self.is_given(path) and all(choice.path != path for choice in self.choices):
            self.values = merge(self.values, _nested(path, value))
            self.choices.append(Choice(path=path, value=value, reason=reason))

    def choose_all(self, values: Mapping[str, Any], reason: str) -> None:
        """Choose several settings, by path, for one reason."""
        for path, value in values.items():
            self.choose(path, value, reason)

    def is_given(self, path: str) -> bool:
        """Return whether somebody gave this setting."""
        section, _, name = path.rpartition(".")
        inside = self._given.get(section)
        return isinstance(inside, Mapping) and name in inside

    @property
    def all_values(self) -> dict[str, Any]:
        """What was chosen, under what was given."""
        return merge(self.values, self._given)

    def value(self, path: str) -> Any:
        """Return a setting that was chosen or given."""
        section, _, name = path.rpartition(".")
        return self.all_values[section][name]


def _nested(path: str, value: Any) -> dict[str, Any]:
    section, _, name = path.rpartition(".")
    return {section: {name: value}}
