"""Interface of a kind of evaluation: its name, its figures, and how they are measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from simsiam_core.evaluation.job import Measurement, Reporter, Subject


@dataclass(frozen=True)
class Column:
    """Column of the table of results."""

    title: str
    figure: str  # name of the figure that it shows
    stamp: tuple[str, ...] = ()  # stamp keys that, with the seed, distinguish two such figures


@dataclass(frozen=True)
class EvaluationKind:
    """Kind of evaluation. Its settings, if it has its own, are in config/evaluations/<kind>.py."""

    title: str
    help: str  # what it measures, as a sentence
    figures: Mapping[str, str]  # titles of its figures, by name; the headline figure first
    columns: Mapping[str, Column]  # by a short key
    # Measures the subject under the settings and reports progress. Raises ConfigError if its images or settings
    # do not allow it. Imports torch only when called.
    run: Callable[[Subject, Any, Reporter], Measurement]
    order: int = 100  # position among the kinds, lowest first; ties are sorted by name
    has_epochs: bool = True  # whether it trains, and therefore has curves
    predicts: Literal["", "vote", "classifier"] = ""  # how its evaluations classify other images, if they do
    detail: str = ""  # distinguishes two of them in a list; a template over the stamp, as "{labels} labels"
