"""Kinds of evaluation: one module each, found by its name, with an `EvaluationKind` in a constant ENTRY.

Modules import torch only inside functions: the terminal and the page load every kind at start-up.
"""

from __future__ import annotations

from simsiam_core.evaluation.kind import Column, EvaluationKind
from simsiam_core.registry import Registry

EVALUATIONS: Registry[EvaluationKind] = Registry("evaluation.kinds", EvaluationKind, "evaluation")

__all__ = ["EVALUATIONS", "Column", "EvaluationKind", "listed", "title_of"]


def listed() -> dict[str, EvaluationKind]:
    """Return every kind by its name, in display order."""
    return dict(sorted(EVALUATIONS.all().items(), key=lambda item: (item[1].order, item[0])))


def title_of(kind: str) -> str:
    """Return the title of a kind; for a kind written by another version, its name with a note."""
    return EVALUATIONS.get(kind).title if kind in EVALUATIONS.names else f"{kind} (unknown to this version)"
