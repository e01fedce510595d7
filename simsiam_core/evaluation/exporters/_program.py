"""The backbone as a program: what several formats are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from simsiam_core.model import Encoder


def exported(encoder: Encoder) -> Any:
    """Return the backbone as a program of torch.export that takes a batch of any size."""
    batch = torch.export.Dim("batch", min=1)
    return torch.export.export(encoder.backbone, (example(encoder),), dynamic_shapes=({0: batch},))


def example(encoder: Encoder) -> torch.Tensor:
    """Return a batch of the shape that the backbone takes, float32 [2, 3, S, S]."""
    size = encoder.config.data.image_size
    return torch.zeros(2, 3, size, size)
