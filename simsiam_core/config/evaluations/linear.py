"""Settings of the linear classifier on the frozen backbone."""

from __future__ import annotations

from typing import Literal

from simsiam_core.config.evaluation import EvaluationSettings
from simsiam_core.config.section import setting


class LinearEvaluation(EvaluationSettings):
    """Settings of the linear classifier: how it is trained, and its validation split."""

    kind: Literal["linear"] = "linear"
    protocol: Literal["cached", "augmented"] = setting(
        "cached",
        "Protocol",
        "cached: features of the plain images, seconds to minutes. "
        "augmented: the published protocol, with random crops and flips, every epoch encoded afresh.",
        offered={
            "cached features, 12 settings at once": "cached",
            "crops and flips (published)": "augmented",
        },
    )
    epochs: int = setting(100, "Epochs", "Passes over the labelled images.", ge=1, le=1000)
    batch_size: int = setting(
        256,
        "Batch size",
        "Images a step. Cached features of more than 25,600 images take a hundredth of them.",
        unit="images",
        ge=2,
        le=65_536,
        advanced=True,
    )
    validation_share: float = setting(
        0.1,
        "Validation share",
        "Of the training images, kept aside to choose with.",
        gt=0,
        lt=0.6,
        advanced=True,
    )
    seed: int = setting(0, "Seed", "Of the validation split, order and crops.", ge=0, le=2**31 - 1)


ENTRY = LinearEvaluation
