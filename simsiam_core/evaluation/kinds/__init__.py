"""The kinds of evaluation: one module each, found by its name, with an `EvaluationKind` in a constant named ENTRY.

A module imports torch inside functions alone: the terminal and the page ask about every kind at their start.
"""

from __future__ import annotations

from simsiam_core.evaluation.kind import Column, EvaluationKind
from simsiam_core.registry import Registry

EVALUATIONS: Registry[EvaluationKind] = Registry("evaluation.kinds", EvaluationKind, "evaluation")

__all__ = ["EVALUATIONS", "Column", "EvaluationKind", "listed", "title_of"]


def listed() -> dict[str, EvaluationKind]:
    """Return every kind by its name, in the order in which people are shown them."""
    return dict(sorted(EVALUATIONS.all().items(), key=lambda item: (item[1].order, item[0])))


def title_of(kind: str) -> str:
    """Return the title of a kind; of one that another version of the program wrote, its name and that it did."""
    return EVALUATIONS.get(kind).title if kind in EVALUATIONS.names else f"{kind} (unknown to this version)"
