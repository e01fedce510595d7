"""Colour jitter on batches of RGB images in 0..1, [n, 3, H, W], with individual factors per image."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

BRIGHTNESS, CONTRAST, SATURATION = range(3)


def luma(images: Tensor) -> Tensor:
    """Return the grey value of every pixel, [n, 1, H, W], with torchvision's weights (ITU-R BT.601)."""
    red, green, blue = images.split(1, dim=1)
    return (0.2989 * red).add_(green, alpha=0.587).add_(blue, alpha=0.114)


def blend(images: Tensor, kind: Tensor, factor: Tensor) -> Tensor:
    """Adjust brightness, contrast or saturation, chosen per image: the same blend with different partners.

    factor × image + (1 - factor) × partner, clamped to 0..1. The partner is black for brightness, the
    mean grey for contrast, and each pixel's own grey for saturation. A factor of 1 is an exact identity.
    `kind` int64 [n], `factor` [n].
    """
    kind, factor = kind.view(-1, 1, 1, 1), factor.view(-1, 1, 1, 1)
    grey, rest = luma(images), 1 - factor
    of_mean, of_grey = rest * (kind == CONTRAST), rest * (kind == SATURATION)
    partner = torch.addcmul(of_mean * grey.mean((2, 3), keepdim=True), of_grey, grey)
    return torch.addcmul(partner, images, factor).clamp_(0, 1)


def shift_hue(images: Tensor, shift: Tensor) -> Tensor:
    """Shift each image's hue by `shift` [n], in turns of the colour circle, keeping HSV saturation and value.

    With hue h in turns, maximum channel V and chroma C (maximum minus minimum), a channel is
    V - C × clamp(6 d - 1, 0, 1), where d is the distance of h + offset from the nearest integer, with
    offsets 0, 2/3 and 1/3 for red, green and blue.
    """
    red, green, blue = images.split(1, dim=1)
    value = torch.maximum(torch.maximum(red, green), blue)
    chroma = value.sub(torch.minimum(torch.minimum(red, green), blue))
    # 0 where red (green) is the maximum, 1 elsewhere: selecting by lerp is ten times as fast as torch.where.
    not_red, not_green = (value - red).sign_(), (value - green).sign_()
    hue = torch.lerp(blue - red, red - green, not_green)
    hue = torch.lerp(green - blue, hue, not_red)
    hue.div_((6 * chroma).clamp_(min=1e-12))  # for grey the differences are 0, and so is the hue
    hue.add_(not_green.add_(1).mul_(not_red), alpha=1 / 3).add_(shift.view(-1, 1, 1, 1))
    turned = hue + _offsets(images.device)
    turned.sub_(turned.round()).abs_().clamp_(1 / 6, 1 / 3)
    return torch.addcmul(value + chroma, chroma, turned, value=-6)


@lru_cache(maxsize=16)
def _offsets(device: torch.device) -> Tensor:
    return torch.tensor([0.0, 2 / 3, 1 / 3], device=device).view(1, 3, 1, 1)
