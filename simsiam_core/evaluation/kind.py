"""What a kind of evaluation is: what it is called, what it measures, and how."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simsiam_core.evaluation.job import Measurement, Reporter, Subject


@dataclass(frozen=True)
class Column:
    """A column of the table of results."""

    title: str
    figure: str  # the name of the figure in it
    stamp: tuple[str, ...] = ()  # the parts of the stamp that, beside the seed, tell two such figures apart


@dataclass(frozen=True)
class EvaluationKind:
    """One kind of evaluation. Its settings are config/evaluations/<kind>.py, where it has any of its own."""

    title: str
    help: str  # what it measures, in a sentence
    figures: Mapping[str, str]  # titles of all that it yields, by name; the headline first
    columns: Mapping[str, Column]  # by a short name of their own
    # Measures the subject under the settings and tells the reporter how far it is. Raises ConfigError where its
    # images or settings do not allow it. It imports torch itself, when it is called.
    run: Callable[[Subject, Any, Reporter], Measurement]
    order: int = 100  # its place among the kinds, lowest first; equal ones stand by name
    has_epochs: bool = True  # whether it trains something, and so has curves
    detail: str = (
        ""  # what tells two of them apart in a list, made of parts of the stamp, such as "{labels} labels"
    )
