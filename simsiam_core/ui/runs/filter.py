"""What is typed to find runs: words, and conditions such as `knn>40 state:finished lr<=0.1`; all must hold."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from simsiam_core.ui.runs.columns import COLUMNS, MEASURED, NUMBERS, Row
from simsiam_core.ui.runs.settings import specs

COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "=": lambda a, b: math.isclose(a, b, rel_tol=1e-3),  # as it is shown, not to the last digit
    "!=": lambda a, b: not math.isclose(a, b, rel_tol=1e-3),
}
CONDITION = re.compile(r"^([A-Za-z_][\w.]*)(>=|<=|!=|=|>|<|:)(.*)$")
ALIASES = {
    "tag": "tags",
    "images": "data",
    "net": "backbone",
    "network": "backbone",
    "linear_accuracy": "linear",
}
EXAMPLE = "such as knn>40, state:finished or lr<=0.1"

Test = Callable[[Row], bool]


class FilterError(ValueError):
    """A condition that cannot be understood; the message is one sentence."""


@dataclass(frozen=True)
class Filter:
    """All conditions; without any, every run passes."""

    tests: tuple[Test, ...] = ()

    def of(self, rows: Sequence[Row]) -> list[Row]:
        """Return the rows of which all of them hold."""
        for test in self.tests:
            rows = [row for row in rows if test(row)]
        return list(rows)


def read_filter(text: str) -> Filter:
    """Understand what was typed. Raises FilterError."""
    return Filter(tuple(_test(term) for term in _terms(text)))


def _terms(text: str) -> list[str]:
    """The words, of which one in double quotes may hold spaces."""
    return [quoted + word for quoted, word in re.findall(r'((?:[^\s"]*"[^"]*"?)+)|(\S+)', text)]


def _test(term: str) -> Test:
    found = CONDITION.match(term)
    if found is None:
        word = term.replace('"', "").lower()
        return lambda row: word in row.words
    key, sign, wanted = found[1].lower(), found[2], found[3].replace('"', "").strip()
    key = ALIASES.get(key, key)
    if not wanted:
        raise FilterError(f"{term} says nothing after {sign}; write a value there, {EXAMPLE}.")
    if key in COLUMNS:
        return _column(key, sign, wanted)
    paths = [path for path in specs() if key in (path, path.rpartition(".")[2])]
    if not paths:
        raise FilterError(
            f"There is no column or setting {found[1]!r}; write {', '.join(COLUMNS)} or a setting's name, {EXAMPLE}."
        )
    return _setting(paths[0], sign, wanted)


def _column(key: str, sign: str, wanted: str) -> Test:
    is_share = key in MEASURED and MEASURED[key].scale == "fraction"
    number = _share(wanted) if is_share else _as_number(wanted)
    if sign == ":" and key in NUMBERS and number is not None:
        sign = "="
    if sign == ":" or (sign in ("=", "!=") and number is None):
        text, want = wanted.lower(), sign != "!="
        return lambda row: (text in row.cells.get(key, "").lower()) is want
    if key not in NUMBERS:
        raise FilterError(f"{key} holds words, which are not compared by {sign}; write {key}:{wanted}.")
    if number is None:
        raise FilterError(
            f"{key}{sign}{wanted} compares with {wanted!r}, which is no number; give one, {EXAMPLE}."
        )
    compare = COMPARE[sign]
    return lambda row: key in row.numbers and compare(row.numbers[key], number)


def _setting(path: str, sign: str, wanted: str) -> Test:
    number = _as_number(wanted)
    if sign in (">", "<", ">=", "<="):
        if number is None:
            raise FilterError(
                f"{path}{sign}{wanted} compares with {wanted!r}, which is no number; give one, {EXAMPLE}."
            )
        compare = COMPARE[sign]
        return lambda row: _is_number(row.settings.get(path)) and compare(row.settings[path], number)
    text, want = wanted.lower(), sign != "!="
    return lambda row: bool(row.settings) and (_says(row.settings.get(path), text, number) is want)


def _says(value: Any, text: str, number: float | None) -> bool:
    if isinstance(value, bool):
        return text in (("on", "yes", "true") if value else ("off", "no", "false"))
    if _is_number(value) and number is not None:
        return bool(value == number)
    return text in str(value if value is not None else "").lower()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _as_number(text: str) -> float | None:
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return None


def _share(text: str) -> float | None:
    """Per cent, with the sign or above 1, or a fraction."""
    number = _as_number(text.removesuffix("%"))
    if number is None:
        return None
    return number / 100 if text.endswith("%") or number > 1 else number
