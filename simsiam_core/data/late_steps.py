"""Augmentations that SimSiam's recipe lacks: vertical flip, rotation, solarisation and random erasing.

They are applied to finished views, whichever way those were made, in this order, and equal torchvision's
functions for equal parameters. Corners that a rotation uncovers and erased rectangles take the mean colour of
the data set. Random numbers are drawn after all others and only if a step is on, so that the views of
configs without them are unaffected.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor

from simsiam_core.config import AugmentationConfig

ERASED_AREA = (0.02, 0.33)  # share of the view, as in torchvision's RandomErasing
ERASED_RATIO = (0.3, 3.3)  # height : width
SOLARISED_FROM = 0.5  # of a scale from 0 to 1; brighter pixels are inverted
_TRIES = 10  # rectangles that torchvision draws before it gives up
_COLUMNS = [1, 1, 1, 1, _TRIES, _TRIES, 2]


@dataclass(frozen=True)
class LateParameters:
    """Parameters of n views; every field is a tensor of n elements. A rectangle of height 0 erases nothing."""

    turned_over: Tensor  # bool: flipped vertically
    angle: Tensor  # degrees, counter-clockwise
    solarised: Tensor  # bool
    top: Tensor  # of the erased rectangle, in whole pixels, as float
    left: Tensor
    height: Tensor
    width: Tensor

    def each(self, change: Callable[[Tensor], Tensor]) -> LateParameters:
        """Return the parameters with every tensor changed alike."""
        return LateParameters(**{field.name: change(getattr(self, field.name)) for field in fields(self)})


def draw_late(
    config: AugmentationConfig, size: int, n: int, generator: torch.Generator
) -> LateParameters | None:
    """Draw parameters of n views of side `size`; None, and no random number used, if all steps are off."""
    c = config
    chances = (c.vertical_flip_probability, c.rotation_degrees, c.solarise_probability, c.erase_probability)
    if not any(chances):
        return None
    drawn = torch.rand(n, sum(_COLUMNS), generator=generator, device=generator.device).split(_COLUMNS, 1)
    over, angle, solarised, erased, areas, ratios, position = drawn
    low, high = (math.log(ratio) for ratio in ERASED_RATIO)
    area = size**2 * (ERASED_AREA[0] + (ERASED_AREA[1] - ERASED_AREA[0]) * areas)
    ratio = (low + (high - low) * ratios).exp()
    sides = torch.stack((area * ratio, area / ratio)).sqrt_().round_()
    fits = (sides < size).all(0)
    first = fits.int().argmax(1, keepdim=True)
    height, width = sides.gather(2, first.expand(2, -1, -1))[:, :, 0]
    happens = fits.any(1) & (erased[:, 0] < c.erase_probability)
    top, left = (position * (size + 1 - torch.stack((height, width), 1))).floor_().unbind(1)
    return LateParameters(
        turned_over=over[:, 0] < c.vertical_flip_probability,
        angle=(2 * angle[:, 0] - 1) * c.rotation_degrees,
        solarised=solarised[:, 0] < c.solarise_probability,
        top=top,
        left=left,
        height=height * happens,
        width=width * happens,
    )


def apply_late(
    views: Tensor, p: LateParameters, config: AugmentationConfig, centre: Tensor, scale: Tensor
) -> Tensor:
    """Apply the steps that are on to normalised views [n, 3, V, V]; `centre` and `scale` normalised them."""
    if config.vertical_flip_probability > 0:
        views = torch.where(_each(p.turned_over), views.flip(2), views)
    if config.rotation_degrees > 0:
        views = _rotated(views, p.angle)
    if config.solarise_probability > 0:
        plain = views * scale + centre
        views = torch.where(
            _each(p.solarised) & (plain >= SOLARISED_FROM), (1 - plain - centre) / scale, views
        )
    if config.erase_probability > 0:
        steps = torch.arange(views.shape[-1], device=views.device)
        rows, columns = (
            (steps >= start[:, None]) & (steps < (start + length)[:, None])
            for start, length in ((p.top, p.height), (p.left, p.width))
        )
        views = views.masked_fill((rows[:, :, None] & columns[:, None])[:, None], 0.0)
    return views


def _rotated(views: Tensor, angle: Tensor) -> Tensor:
    """Rotate about the centre with bilinear interpolation; what lies outside counts as 0, the mean colour."""
    radians = torch.deg2rad(angle)
    cos, sin = radians.cos(), radians.sin()
    nothing = torch.zeros_like(cos)
    matrix = torch.stack((cos, -sin, nothing, sin, cos, nothing), 1).view(-1, 2, 3)
    with torch.autocast(views.device.type, enabled=False):
        grid = F.affine_grid(matrix, list(views.shape), align_corners=False)
    return F.grid_sample(views, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _each(condition: Tensor) -> Tensor:
    return condition.view(-1, 1, 1, 1)
