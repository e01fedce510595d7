"""Settings of fine-tuning on few labels."""

from __future__ import annotations

from typing import Literal

from simsiam_core.config.evaluation import EvaluationSettings
from simsiam_core.config.section import setting


class FinetuneEvaluation(EvaluationSettings):
    """Settings of fine-tuning: how many labels are used, and how both networks are trained."""

    kind: Literal["finetune"] = "finetune"
    labels_share: float = setting(
        0.1,
        "Share of the labels",
        "Training images whose labels are used; stratified.",
        gt=0,
        le=1,
        offered={"1 %": 0.01, "10 %": 0.1, "100 %": 1.0},
    )
    epochs: int = setting(100, "Epochs", "Passes over the labelled images.", ge=1, le=1000)
    batch_size: int = setting(
        64, "Batch size", "Images a step.", unit="images", ge=2, le=65_536, advanced=True
    )
    lr: float = setting(
        0.03,
        "Backbone learning rate",
        "Peak for the trained backbone, then half a cosine to 0.",
        gt=0,
        le=10,
        advanced=True,
    )
    head_lr: float = setting(
        0.1,
        "Classifier learning rate",
        "Peak for the new classifier, which has all to learn.",
        gt=0,
        le=10,
        advanced=True,
    )
    scratch_lr: float = setting(
        0.1,
        "Learning rate from scratch",
        "Peak for the whole network from random weights.",
        gt=0,
        le=10,
        advanced=True,
    )
    weight_decay: float = setting(5e-4, "Weight decay", "L2 penalty.", ge=0, le=1, advanced=True)
    seed: int = setting(
        0, "Seed", "Of the labelled subset, the classifier, order and crops.", ge=0, le=2**31 - 1
    )


ENTRY = FinetuneEvaluation
