"""Trained classifiers of evaluations, kept as files that load with `weights_only=True`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from simsiam_core.config import ConfigError, parse
from simsiam_core.data.image_set import Triple
from simsiam_core.evaluation.heads import LinearHead
from simsiam_core.model import CheckpointError, Encoder, build_backbone
from simsiam_core.runs.files import replacing

if TYPE_CHECKING:
    from simsiam_core.evaluation.job import Subject

FORMAT = 1


@dataclass(frozen=True)
class Classifier:
    """A linear classifier on backbone features, with its preprocessing and, if it was fine-tuned, its backbone."""

    classes: tuple[str, ...]
    head: LinearHead
    normalised: bool  # whether it expects l2-normalised features
    config: Mapping[str, Any]  # of the network, as plain values
    mean: Triple
    std: Triple
    backbone: Mapping[str, Tensor] | None = None  # state dict; None: that of the checkpoint

    @classmethod
    def linear(cls, subject: Subject, head: LinearHead, normalised: bool) -> Classifier:
        """Return the classifier of a frozen backbone."""
        return cls(subject.classes[: len(head.bias)], head, normalised, *_preprocessing(subject.encoder))

    @classmethod
    def finetuned(cls, subject: Subject, backbone: nn.Module, head: nn.Linear) -> Classifier:
        """Return the classifier with its fine-tuned backbone, copied to main memory."""
        width = subject.encoder.dim
        linear = LinearHead(_kept(head.weight), _kept(head.bias), torch.zeros(width), torch.ones(width))
        weights = {name: _kept(value) for name, value in backbone.state_dict().items()}
        return cls(subject.classes, linear, False, *_preprocessing(subject.encoder), weights)

    def probabilities(self, features: Tensor) -> Tensor:
        """Map backbone features [B, d], not normalised, to class probabilities [B, C]: a softmax of the logits."""
        head, features = self.head, F.normalize(features, dim=1) if self.normalised else features
        standardised = (features - head.mean.to(features)) / head.std.to(features)
        return F.linear(standardised, head.weight.to(features), head.bias.to(features)).softmax(dim=1)

    def write(self, path: Path) -> None:
        """Write it to a file. Raises OSError."""
        content = {**vars(self), "format": FORMAT, "head": vars(self.head), "classes": list(self.classes)}
        content |= {"mean": list(self.mean), "std": list(self.std)}
        with replacing(path, durable=True) as temporary, temporary.open("wb") as file:
            torch.save(content, file)

    @classmethod
    def read(cls, path: Path) -> Classifier:
        """Read a written one. Raises CheckpointError."""
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
            if content.pop("format") != FORMAT:
                raise CheckpointError(f"{path.name} was written by another version; measure again.")
            content["head"] = LinearHead(**content["head"])
            for name in ("classes", "mean", "std"):
                content[name] = tuple(content[name])
            return cls(**content)
        except CheckpointError:
            raise
        except Exception:  # torch raises many undocumented types for damaged files
            raise CheckpointError(f"The classifier {path.name} is damaged; measure again.") from None

    def finetuned_encoder(self) -> Encoder | None:
        """Return the fine-tuned backbone in evaluation mode; None for a classifier of a frozen one.

        Raises CheckpointError if the weights do not fit the config.
        """
        if self.backbone is None:
            return None
        try:
            config = parse(self.config, stored=True)
            backbone = build_backbone(config.model, config.data.image_size)
            backbone.load_state_dict(dict(self.backbone))
        except (ConfigError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise CheckpointError(f"The fine-tuned network cannot be built again: {reason}") from None
        backbone.eval().requires_grad_(False)
        return Encoder(backbone, config, self.mean, self.std, self.classes, epoch=0, step=0)


def _preprocessing(encoder: Encoder) -> tuple[dict[str, Any], Triple, Triple]:
    return encoder.config.model_dump(mode="json"), encoder.mean, encoder.std


def _kept(value: Tensor) -> Tensor:
    return value.detach().cpu().contiguous().clone()
