"""The arithmetic of colour jitter on batches of RGB pictures in 0..1, [n, 3, H, W], each with its own factors."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

BRIGHTNESS, CONTRAST, SATURATION = range(3)


def luma(images: Tensor) -> Tensor:
    """Grey value of every pixel, [n, 1, H, W], with torchvision's weights (ITU-R BT.601)."""
    red, green, blue = images.split(1, dim=1)
    return (0.2989 * red).add_(green, alpha=0.587).add_(blue, alpha=0.114)


def blend(images: Tensor, kind: Tensor, factor: Tensor) -> Tensor:
    """Brightness, contrast or saturation, chosen per picture: the same mixture with different partners.

    factor × picture + (1 - factor) × partner, clamped to 0..1. The partner is black for brightness, the
    mean grey for contrast, and each pixel's own grey for saturation. A factor of 1 changes nothing at all.
    `kind` int64 [n], `factor` [n].
    """
    kind, factor = kind.view(-1, 1, 1, 1), factor.view(-1, 1, 1, 1)
    grey = luma(images)
    partner = torch.where(kind == CONTRAST, grey.mean((2, 3), keepdim=True), grey) * (kind != BRIGHTNESS)
    return torch.lerp(partner, images, factor).clamp_(0, 1)


def shift_hue(images: Tensor, shift: Tensor) -> Tensor:
    """Turn each picture's hue by `shift` [n], a share of the colour circle; HSV saturation and value stay.

    With hue h on a circle of length 6, greatest channel V and chroma C (greatest less smallest), a channel is
    V - C × clamp(2 - |(h + offset) mod 6 - 3|, 0, 1), with offsets 0, 4 and 2 for red, green and blue.
    """
    red, green, blue = images.split(1, dim=1)
    value = images.amax(1, keepdim=True)
    chroma = value - images.amin(1, keepdim=True)
    scale = 1 / torch.where(chroma == 0, 1.0, chroma)
    hue = torch.where(
        value == red,
        (green - blue) * scale,
        torch.where(value == green, 2 + (blue - red) * scale, 4 + (red - green) * scale),
    )
    turned = (hue + 6 * shift.view(-1, 1, 1, 1)) + _offsets(images.device)
    turned -= 6 * torch.floor(turned / 6)
    return value - chroma * (2 - (turned - 3).abs()).clamp_(0, 1)


@lru_cache(maxsize=16)
def _offsets(device: torch.device) -> Tensor:
    return torch.tensor([0.0, 4.0, 2.0], device=device).view(1, 3, 1, 1)
