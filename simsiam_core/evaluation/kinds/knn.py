"""kNN accuracy over k and temperature, with its baselines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simsiam_core.evaluation.kind import Column, EvaluationKind

if TYPE_CHECKING:
    from simsiam_core.config.evaluations.knn import KnnEvaluation
    from simsiam_core.evaluation.job import Measurement, Reporter, Subject


def _run(subject: Subject, settings: KnnEvaluation, reporter: Reporter) -> Measurement:
    from simsiam_core.evaluation.knn_report import report

    return report(subject, settings, reporter)


ENTRY = EvaluationKind(
    title="kNN report",
    help="Accuracy over k and T, per class and as a confusion matrix, beside nearest centroids and raw pixels.",
    figures={
        "knn/accuracy": "kNN, on test",
        "knn/centroid_accuracy": "nearest centroid",
        "knn/raw_pixels_accuracy": "kNN on raw pixels",
    },
    columns={"knn": Column("kNN", "knn/accuracy", ("k", "temperature"))},
    run=_run,
    predicts="vote",
    order=10,
    has_epochs=False,
)
