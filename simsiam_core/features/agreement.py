"""Pixel similarity of image pairs, independent of any network."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

SIDE = 16  # images are compared at this size
NOISE = 4.0  # grey levels; contrast below it is noise, not structure
SAME_COLOUR = 8.0  # grey levels by which the mean colours of two plain images may differ


def pixel_agreement(first: Tensor, second: Tensor) -> Tensor:
    """Return the agreement of image pairs (both uint8 [P, 3, S, S]) as float32 [P], from −1 to 1.

    This is the correlation of structure, not colour: the maximum over the pair as is, with one image
    mirrored, and with one cropped at a corner. Images without structure have no correlation; they are
    compared by mean colour instead. Identical images always agree at 1.
    """
    side = first.shape[-1]
    margin = max(1, side // 16)

    def crops(images: Tensor) -> list[tuple[Tensor, Tensor]]:
        corners = [(y, x) for y in (0, margin) for x in (0, margin)]
        parts = (images[:, :, y : side - margin + y, x : side - margin + x].float() for y, x in corners)
        return [_structure(F.interpolate(part, size=side, mode="bilinear", antialias=True)) for part in parts]

    a, b = _structure(first), _structure(second)
    pairs = [(a, b), (a, _structure(second.flip(-1)))]
    pairs += [(part, b) for part in crops(first)] + [(a, part) for part in crops(second)]
    difference = (_mean_colour(first) - _mean_colour(second)).square().mean(dim=1)
    same_colour = (-difference / (2 * SAME_COLOUR**2)).exp()
    found = torch.stack(
        [(one * other).sum(dim=1) + plain * also * same_colour for (one, plain), (other, also) in pairs]
    )
    identical = (first == second).flatten(1).all(dim=1)
    return found.amax(dim=0).clamp(-1, 1).masked_fill(identical, 1.0)


def _structure(images: Tensor) -> tuple[Tensor, Tensor]:
    """Return structure [P, d] and plainness [P], together a unit vector; without contrast, plainness is 1."""
    x = F.adaptive_avg_pool2d(images.float(), min(SIDE, images.shape[-1]))
    x = (x - x.mean(dim=(2, 3), keepdim=True)).flatten(1)
    noise = x.shape[1] * NOISE**2
    length = (x.square().sum(dim=1) + noise).sqrt()
    return x / length[:, None], noise**0.5 / length


def _mean_colour(images: Tensor) -> Tensor:
    return images.float().mean(dim=(2, 3))
