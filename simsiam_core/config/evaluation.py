"""What an evaluation is asked to do: settings with the same titles, bounds and messages as a run's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import ValidationError

from simsiam_core.config.problems import ConfigError, Problem
from simsiam_core.config.schema import Section, setting


class KnnEvaluation(Section, title="kNN report"):
    kind: Literal["knn"] = "knn"
    checkpoint: str = setting("last", "Checkpoint", "'last' or 'epoch=0010'.")


class LinearEvaluation(Section, title="Linear classifier"):
    kind: Literal["linear"] = "linear"
    checkpoint: str = setting("last", "Checkpoint", "'last' or 'epoch=0010'.")
    protocol: Literal["cached", "augmented"] = setting(
        "cached",
        "Protocol",
        "cached: features of the plain images, seconds to minutes. "
        "augmented: the published protocol, with random crops and flips, every epoch encoded afresh.",
    )
    epochs: int = setting(100, "Epochs", "Passes over the labelled images.", ge=1, le=1000)
    batch_size: int = setting(
        256,
        "Batch size",
        "Images a step. Cached features of more than 25,600 images take a hundredth of them.",
        unit="images",
        ge=2,
        le=65_536,
    )
    validation_share: float = setting(
        0.1, "Validation share", "Of the training images, kept aside to choose with.", gt=0, lt=0.6
    )
    seed: int = setting(0, "Seed", "Of the validation split, order and crops.", ge=0, le=2**31 - 1)


class FinetuneEvaluation(Section, title="Fine-tuning"):
    kind: Literal["finetune"] = "finetune"
    checkpoint: str = setting("last", "Checkpoint", "'last' or 'epoch=0010'.")
    labels_share: float = setting(
        0.1, "Share of the labels", "Training images whose labels are used; stratified.", gt=0, le=1
    )
    epochs: int = setting(100, "Epochs", "Passes over the labelled images.", ge=1, le=1000)
    batch_size: int = setting(64, "Batch size", "Images a step.", unit="images", ge=2, le=65_536)
    lr: float = setting(
        0.03, "Backbone learning rate", "Peak for the trained backbone, then half a cosine to 0.", gt=0, le=10
    )
    head_lr: float = setting(
        0.1, "Classifier learning rate", "Peak for the new classifier, which has all to learn.", gt=0, le=10
    )
    scratch_lr: float = setting(
        0.1, "Learning rate from scratch", "Peak for the whole network from random weights.", gt=0, le=10
    )
    weight_decay: float = setting(5e-4, "Weight decay", "L2 penalty.", ge=0, le=1)
    seed: int = setting(
        0, "Seed", "Of the labelled subset, the classifier, order and crops.", ge=0, le=2**31 - 1
    )


EvaluationSettings = KnnEvaluation | LinearEvaluation | FinetuneEvaluation
KINDS: dict[str, type[KnnEvaluation] | type[LinearEvaluation] | type[FinetuneEvaluation]] = {
    "knn": KnnEvaluation,
    "linear": LinearEvaluation,
    "finetune": FinetuneEvaluation,
}


def parse_evaluation(values: Mapping[str, Any]) -> EvaluationSettings:
    """Validate settings; `kind` says which. Raises ConfigError, one sentence a setting."""
    kind = values.get("kind")
    if kind not in KINDS:
        raise ConfigError.at("kind", f"There is no evaluation {kind!r}; choose one of {', '.join(KINDS)}.")
    model = KINDS[kind]
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ConfigError([_in_words(model, dict(e)) for e in error.errors()]) from None


def _in_words(model: type[Section], error: dict[str, Any]) -> Problem:
    path = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden" or path not in model.model_fields:
        return Problem(path, f"Unknown setting {path}; known here: {', '.join(model.model_fields)}.")
    wanted = str(error["msg"]).removeprefix("Input should be ")
    return Problem(path, f"{model.model_fields[path].title} is {error['input']!r}; it must be {wanted}.")
