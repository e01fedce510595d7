"""Traceable forms of the backbone, shared by several formats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from simsiam_core.model import Encoder


def exported(encoder: Encoder) -> Any:
    """Return the backbone as a torch.export program that accepts any batch size."""
    batch = torch.export.Dim("batch", min=1)
    return torch.export.export(encoder.backbone, (example(encoder),), dynamic_shapes=({0: batch},))


def example(encoder: Encoder) -> torch.Tensor:
    """Return an example input of the backbone, float32 [2, 3, S, S]."""
    size = encoder.config.data.image_size
    return torch.zeros(2, 3, size, size)
