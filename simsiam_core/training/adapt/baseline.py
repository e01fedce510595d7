"""How well raw pixels already tell the classes of a sample apart: what a network has to beat."""

from __future__ import annotations

import torch
from torch import Tensor

from simsiam_core.data.survey import SIDE, Survey
from simsiam_core.features.knn import leave_one_out, suited_k
from simsiam_core.features.raw_pixels import raw_pixel_features
from simsiam_core.training.adapt.scratch import ALIKE

HARD_TO_BEAT = 0.9  # accuracy of raw pixels from which random weights do not get above it in minutes
TEMPERATURE = 0.1


def has_classes(seen: Survey) -> bool:
    """Return whether accuracy can be measured in the sample."""
    return seen.labels is not None and len(seen.class_sizes) > 1


def raw_pixels_sentence(seen: Survey, from_weights: bool) -> list[str]:
    """Say how raw pixels fare in the sample, and where a network is not to be expected above them."""
    if not has_classes(seen):
        return []
    accuracy = raw_pixels_accuracy(seen)
    said = (
        f"Raw pixels: the nearest neighbours among {len(seen.sample):,} of the images, at {SIDE} px, name the class "
        f"of {accuracy:.0%}."
    )
    start = "a network" if from_weights else "a network trained from random weights"
    if accuracy >= HARD_TO_BEAT:
        return [f"{said} That is hard to beat: do not expect {start} to be above it; the pixels will do."]
    if seen.alike >= ALIKE and not from_weights:
        # as measured on three such folders, see docs/my-images.md
        layout = "As the images have much the same layout, pixels compare well"
        return [f"{said} {layout}: {start} may end no better."]
    return [said]


def raw_pixels_accuracy(seen: Survey) -> float:
    """Return the leave-one-out kNN accuracy of the sample's pixels, 0 to 1."""
    values = seen.sample.float() / 255
    mean, std = values.mean((0, 2, 3)), values.std((0, 2, 3)).clamp(min=1 / 255)
    return accuracy_of(raw_pixel_features(seen.sample, tuple(mean.tolist()), tuple(std.tolist())), seen)


def accuracy_of(features: Tensor, seen: Survey) -> float:
    """Return the leave-one-out kNN accuracy, 0 to 1, of features of the sample, float32 [n, d], l2-normalised."""
    assert seen.labels is not None
    k = suited_k(max(1, seen.class_size * len(seen.labels) // max(1, seen.images)), len(seen.labels))
    correct = leave_one_out(features, seen.labels, k, TEMPERATURE)
    return float(correct.to(torch.float64).mean())
