"""Linear classifiers trained side by side: one matrix product serves every learning rate and weight decay."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

MOMENTUM = 0.9


@dataclass(frozen=True)
class Setting:
    """One point of the hyperparameter sweep."""

    lr: float
    weight_decay: float

    def __str__(self) -> str:
        return f"lr {self.lr:g}, wd {self.weight_decay:g}"


@dataclass(frozen=True)
class LinearHead:
    """One trained linear classifier: weight [C, d] and bias [C], of features standardised by mean and std [d]."""

    weight: Tensor
    bias: Tensor
    mean: Tensor
    std: Tensor


class Standardise:
    """Transform to features with mean 0 and std 1 in every dimension, by statistics of the training images.

    It is an affine change that a linear classifier could undo; it makes one learning rate suit every
    checkpoint.
    """

    def __init__(self, features: Tensor) -> None:
        self.mean = features.mean(dim=0)
        self.std = features.std(dim=0).clamp(min=1e-6)

    def __call__(self, features: Tensor) -> Tensor:
        """Standardise features [B, d]."""
        return (features - self.mean) / self.std


class Heads:
    """Softmax classifiers under several settings, trained by SGD with momentum on the same batches.

    Weights are stored side by side as [d + 1, settings · classes]: forward and backward are one matrix
    product each.
    """

    def __init__(self, dim: int, classes: int, settings: Sequence[Setting], device: torch.device) -> None:
        self._shape = (len(settings), classes)
        self._weights = torch.zeros(dim + 1, len(settings) * classes, device=device)
        self._momentum = torch.zeros_like(self._weights)
        self._lr = torch.tensor([s.lr for s in settings], device=device).repeat_interleave(classes)
        self._decay = torch.tensor([s.weight_decay for s in settings], device=device).repeat_interleave(
            classes
        )

    def scores(self, features: Tensor) -> Tensor:
        """Map features [B, d] to logits [B, settings, classes]."""
        flat = torch.addmm(self._weights[-1], features, self._weights[:-1])
        return flat.view(len(features), *self._shape)

    def head(self, index: int, standardise: Standardise) -> LinearHead:
        """Return the classifier of one setting, copied to main memory."""
        weights = self._weights.view(-1, *self._shape)[:, index]
        tensors = (weights[:-1].T, weights[-1], standardise.mean, standardise.std)
        return LinearHead(*(tensor.detach().cpu().float().contiguous() for tensor in tensors))

    def step(self, features: Tensor, labels: Tensor, lr_factor: float) -> Tensor:
        """Take one step of cross-entropy for every setting; returns their losses [settings]."""
        logits = self.scores(features)
        log_shares = F.log_softmax(logits, dim=2)
        losses = -log_shares.gather(2, labels[:, None, None].expand(-1, self._shape[0], 1)).mean(dim=0)[:, 0]
        gradient = log_shares.exp_()  # softmax minus one-hot, divided by the batch size below
        gradient.scatter_add_(
            2,
            labels[:, None, None].expand(-1, self._shape[0], 1),
            gradient.new_full((len(labels), self._shape[0], 1), -1.0),
        )
        flat = gradient.flatten(1).div_(len(labels))
        self._momentum.mul_(MOMENTUM)
        self._momentum[:-1].addmm_(features.T, flat).add_(self._weights[:-1] * self._decay)
        self._momentum[-1].add_(flat.sum(dim=0))  # the bias is not decayed
        self._weights.sub_(self._momentum * (self._lr * lr_factor))
        return losses

    @torch.no_grad()
    def accuracies(self, features: Tensor, labels: Tensor) -> list[float]:
        """Measure the share of correct predictions, for every setting."""
        right = torch.zeros(self._shape[0], dtype=torch.int64, device=features.device)
        for start in range(0, len(features), 8192):
            found = self.scores(features[start : start + 8192]).argmax(dim=2)
            right += (found == labels[start : start + 8192, None]).sum(dim=0)
        return [float(count) / len(features) for count in right]


def cosine(step: int, total: int) -> float:
    """Return the learning-rate factor: half a cosine from 1 to 0."""
    return 0.5 * (1 + math.cos(math.pi * step / max(1, total)))


def best(accuracies: Sequence[float]) -> int:
    """Return the index of the highest accuracy, the first of equal ones."""
    return max(range(len(accuracies)), key=lambda index: accuracies[index])
