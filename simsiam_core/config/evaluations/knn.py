"""Settings of the kNN report."""

from __future__ import annotations

from typing import Literal

from simsiam_core.config.evaluation import EvaluationSettings
from simsiam_core.config.section import setting


class KnnEvaluation(EvaluationSettings):
    """Settings of the kNN report: k and temperature of its headline figure."""

    kind: Literal["knn"] = "knn"
    k: int | None = setting(
        None, "k", "Neighbours that vote. Empty: the run's.", ge=1, le=10_000, advanced=True
    )
    temperature: float | None = setting(
        None,
        "Temperature",
        "A vote weighs exp(similarity / temperature). Empty: the run's.",
        gt=0,
        le=10,
        advanced=True,
    )


ENTRY = KnnEvaluation
