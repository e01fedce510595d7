"""Fine-tuning on few labels, compared with the same network from random weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simsiam_core.evaluation.kind import Column, EvaluationKind

if TYPE_CHECKING:
    from simsiam_core.config.evaluations.finetune import FinetuneEvaluation
    from simsiam_core.evaluation.job import Measurement, Reporter, Subject

STAMP = ("labels", "epochs", "lr", "head_lr", "scratch_lr")


def _run(subject: Subject, settings: FinetuneEvaluation, reporter: Reporter) -> Measurement:
    from simsiam_core.evaluation.finetune import run_finetune

    return run_finetune(subject, settings, reporter)


ENTRY = EvaluationKind(
    title="Fine-tuning",
    help="The whole network on few labels, and the same budget from random weights beside it.",
    figures={
        "finetune/accuracy": "fine-tuned, on test",
        "scratch/accuracy": "from random weights",
        "finetune/gain": "gain",
    },
    columns={
        "finetune": Column("Fine-tuned", "finetune/accuracy", STAMP),
        "scratch": Column("From scratch", "scratch/accuracy", STAMP),
    },
    run=_run,
    predicts="classifier",
    order=30,
    detail="{labels} labels",
)
