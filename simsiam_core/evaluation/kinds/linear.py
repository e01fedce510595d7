"""Linear classifier on the frozen backbone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simsiam_core.evaluation.kind import Column, EvaluationKind

if TYPE_CHECKING:
    from simsiam_core.config.evaluations.linear import LinearEvaluation
    from simsiam_core.evaluation.job import Measurement, Reporter, Subject


def _run(subject: Subject, settings: LinearEvaluation, reporter: Reporter) -> Measurement:
    from simsiam_core.evaluation.linear_augmented import run_augmented
    from simsiam_core.evaluation.linear_cached import run_cached

    run = run_cached if settings.protocol == "cached" else run_augmented
    return run(subject, settings, reporter)


ENTRY = EvaluationKind(
    title="Linear classifier",
    help="A linear classifier on the frozen backbone. A validation split chooses, the test split reports.",
    figures={
        "linear/accuracy": "linear, on test",
        "linear/validation_accuracy": "linear, on validation",
    },
    columns={"linear": Column("Linear", "linear/accuracy", ("protocol", "epochs"))},
    run=_run,
    predicts="classifier",
    order=20,
    detail="{protocol}",
)
