"""Kinds of evaluation: one module each, found by its name, with an `EvaluationKind` in a constant ENTRY.

Modules import torch only inside functions: the terminal and the page load every kind at start-up.
"""

from __future__ import annotations

from typing import Literal

from simsiam_core.evaluation.kind import Column, EvaluationKind
from simsiam_core.registry import Registry
from simsiam_core.runs.evaluations import EvaluationDirectory

EVALUATIONS: Registry[EvaluationKind] = Registry("evaluation.kinds", EvaluationKind, "evaluation")

__all__ = ["EVALUATIONS", "Column", "EvaluationKind", "can_predict", "listed", "predicts", "title_of"]


def listed() -> dict[str, EvaluationKind]:
    """Return every kind by its name, in display order."""
    return dict(sorted(EVALUATIONS.all().items(), key=lambda item: (item[1].order, item[0])))


def title_of(kind: str) -> str:
    """Return the title of a kind; for a kind written by another version, its name with a note."""
    return EVALUATIONS.get(kind).title if kind in EVALUATIONS.names else f"{kind} (unknown to this version)"


def predicts(kind: str) -> Literal["", "vote", "classifier"]:
    """Return how evaluations of a kind classify other images; "" if they do not, or the kind is unknown."""
    return EVALUATIONS.get(kind).predicts if kind in EVALUATIONS.names else ""


def can_predict(job: EvaluationDirectory) -> bool:
    """Return whether an evaluation has what it takes to classify other images."""
    needed = {"vote": job.result_path, "classifier": job.classifier_path}.get(predicts(job.kind))
    return needed is not None and needed.exists()
