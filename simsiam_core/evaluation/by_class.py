"""Confusion matrix and per-class accuracy of a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def confusion(truth: Tensor, predicted: Tensor, classes: int) -> Tensor:
    """Count images by [true class, predicted class]; `truth` and `predicted` are int64 [Q]."""
    return torch.bincount(truth * classes + predicted, minlength=classes**2).view(classes, classes)


def by_class(truth: Tensor, predicted: Tensor, classes: Sequence[str]) -> dict[str, Any]:
    """Return the result details that every kind of evaluation writes, as plain values; int64 [Q] both.

    The accuracy of a class without test images is None: it was not measured.
    """
    truth, predicted = truth.cpu(), predicted.cpu()
    counts = confusion(truth, predicted, len(classes))
    return {
        "classes": tuple(classes),
        "per_class": [
            right / images if images else None
            for right, images in zip(counts.diagonal().tolist(), counts.sum(dim=1).tolist(), strict=True)
        ],
        "confusion": counts.tolist(),
        "predicted": predicted.tolist(),
    }
