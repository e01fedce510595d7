"""Random augmentation parameters of views (crop, flip, colours, blur), applied by `augmentation`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import lru_cache

import torch
from torch import Tensor

from simsiam_core.config import AugmentationConfig
from simsiam_core.data.late_steps import LateParameters

CROP_RATIO = (3 / 4, 4 / 3)  # width : height, as in torchvision and every SimSiam recipe
_TRIES = 10  # crops that torchvision draws before it falls back to the whole image
# Random numbers per view: areas and ratios of the tries; whether to flip, jitter, grey and blur; the position
# of the crop; the order of the blends, the position of the hue shift among them; their factors; hue; sigma.
_COLUMNS = [_TRIES, _TRIES, 4, 2, 3, 1, 3, 1, 1]
_DRAWN = 36  # one more than is used, so that random numbers stay the same as in earlier runs


@dataclass(frozen=True)
class Parameters:
    """Augmentation parameters of n views; every field is a tensor whose first dimension is n.

    A view without colour jitter has factors 1 and hue 0; one without blur has sigma 0.
    """

    top: Tensor  # of the crop, in whole pixels, as float
    left: Tensor
    height: Tensor
    width: Tensor
    flip: Tensor  # bool
    blends: Tensor  # int64 [n, 3]: the order of brightness 0, contrast 1, saturation 2
    factors: Tensor  # [n, 3]: of the three, in order of application
    hue: Tensor  # fraction of the colour circle
    hue_after: Tensor  # int64: number of the three applied before the hue shift, 0..3
    grey: Tensor  # bool
    sigma: Tensor  # of the blur, in pixels
    late: LateParameters | None = None  # None: these steps are off

    def __getitem__(self, part: Tensor) -> Parameters:
        """Return the parameters of some of the views."""
        return self._each(lambda tensor: tensor[part])

    def to(self, device: torch.device) -> Parameters:
        """Return the parameters on a device."""
        return self._each(lambda tensor: tensor.to(device))

    def _each(self, change: Callable[[Tensor], Tensor]) -> Parameters:
        tensors = {f.name: change(getattr(self, f.name)) for f in fields(self) if f.name != "late"}
        return Parameters(**tensors, late=None if self.late is None else self.late.each(change))


@dataclass(frozen=True)
class Drawn:
    """Parameters of n views of which the crops are not placed yet, for their images may differ in size."""

    areas: Tensor  # [n, tries], as shares of the image's area, or in pixels
    ratios: Tensor  # [n, tries], width : height
    position: Tensor  # [n, 2]: of the crop, from 0 at the top or left to 1
    rest: Parameters  # without the crop: its tensors are zero

    def __getitem__(self, part: Tensor) -> Drawn:
        """Return the draws of some of the views."""
        return Drawn(self.areas[part], self.ratios[part], self.position[part], self.rest[part])

    def placed(self, heights: Tensor, widths: Tensor) -> Parameters:
        """Place the crops in images of these sizes, in pixels [n], as torchvision's RandomResizedCrop does."""
        heights, widths = heights.float(), widths.float()
        areas = self.areas * (heights * widths)[:, None]
        height, width, found = _first_that_fits(areas, self.ratios, heights[:, None], widths[:, None])
        # Where none fits, torchvision takes the centre, as much of it as the ratio allows.
        whole_height = torch.minimum(heights, (widths / CROP_RATIO[0]).round_())
        whole_width = torch.minimum(widths, (heights * CROP_RATIO[1]).round_())
        height, width = torch.where(found, height, whole_height), torch.where(found, width, whole_width)
        room = torch.stack((heights - height, widths - width), 1)
        starts = (self.position * (room + 1)).floor_()
        top, left = torch.where(found[:, None], starts, (room / 2).floor_()).unbind(1)
        return replace(self.rest, top=top, left=left, height=height, width=width)


def draw(config: AugmentationConfig, size: int, n: int, generator: torch.Generator) -> Parameters:
    """Draw parameters of n views of square images of side `size`, distributed as torchvision's.

    The tensors are on `generator`'s device. Each setting has its own random numbers, so changing one does not
    affect the others.
    """
    drawn = draw_unplaced(config, n, generator, size**2)
    height, width, found = _first_that_fits(drawn.areas, drawn.ratios, size, size)
    height, width = height.masked_fill_(~found, size), width.masked_fill_(~found, size)
    top, left = (drawn.position * (size + 1 - torch.stack((height, width), 1))).floor_().unbind(1)
    return replace(drawn.rest, top=top, left=left, height=height, width=width)


def draw_unplaced(config: AugmentationConfig, n: int, generator: torch.Generator, area: int = 1) -> Drawn:
    """Draw parameters of n views as `draw` does, of images of any size; areas are multiplied by `area`."""
    uniform = torch.rand(n, _DRAWN, generator=generator, device=generator.device)
    low, span, chances = _ranges(config, area, generator.device)
    between = torch.addcmul(low, uniform[:, : len(low)], span)
    areas, ratios, events, position, order, place, spread, hue, sigma = between.split(_COLUMNS, 1)
    flip, jitter, grey, blur = (events < chances).unbind(1)
    blends = order.argsort(1)
    nothing = torch.zeros_like(hue[:, 0])
    rest = Parameters(
        top=nothing,
        left=nothing,
        height=nothing,
        width=nothing,
        flip=flip,
        blends=blends,
        factors=spread.gather(1, blends).masked_fill_(~jitter[:, None], 1.0),
        hue=hue[:, 0] * jitter,
        hue_after=(order < place).sum(1),
        grey=grey,
        sigma=sigma[:, 0] * blur,
    )
    return Drawn(areas, ratios.exp(), position, rest)


def _first_that_fits(
    areas: Tensor, ratios: Tensor, height: Tensor | int, width: Tensor | int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return crop sizes as RandomResizedCrop.get_params does: of the first try that fits, and whether one does."""
    sides = torch.stack((areas / ratios, areas * ratios)).sqrt_().round_()
    fits = (sides >= 1).all(0) & (sides[0] <= height) & (sides[1] <= width)
    first = fits.int().argmax(1, keepdim=True)
    tall, wide = sides.gather(2, first.expand(2, -1, -1))[:, :, 0]
    return tall, wide, fits.any(1)


@lru_cache(maxsize=64)
def _ranges(config: AugmentationConfig, area: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return the minimum and span of every column of random numbers, and the probability of every event.

    Cached on the device, because copying them for every batch would synchronise.
    """
    c, plain = config, (0.0, 1.0)
    ranges = [
        *[(area * c.crop_scale_min, area * c.crop_scale_max)] * _TRIES,
        *[(math.log(CROP_RATIO[0]), math.log(CROP_RATIO[1]))] * _TRIES,
        *[plain] * (4 + 2 + 3 + 1),
        *[(max(0.0, 1 - s), 1 + s) for s in (c.brightness, c.contrast, c.saturation)],
        (-c.hue, c.hue),
        (c.blur_sigma_min, c.blur_sigma_max),
    ]
    low, high = torch.tensor(ranges, dtype=torch.float64).T
    chances = torch.tensor([c.flip_probability, c.jitter_probability, c.grey_probability, c.blur_probability])
    return low.float().to(device), (high - low).float().to(device), chances.to(device)
