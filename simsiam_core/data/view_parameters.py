"""Random augmentation parameters of views (crop, flip, colours, blur), applied by `augmentation`."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import lru_cache

import torch
from torch import Tensor

from simsiam_core.config import AugmentationConfig

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

    def __getitem__(self, part: Tensor) -> Parameters:
        """Return the parameters of some of the views."""
        return Parameters(**{field.name: getattr(self, field.name)[part] for field in fields(self)})


def draw(config: AugmentationConfig, size: int, n: int, generator: torch.Generator) -> Parameters:
    """Draw parameters of n views of images of side `size`, distributed as torchvision's.

    The tensors are on `generator`'s device. Each setting has its own random numbers, so changing one does not
    affect the others.
    """
    uniform = torch.rand(n, _DRAWN, generator=generator, device=generator.device)
    low, span, chances = _ranges(config, size, generator.device)
    between = torch.addcmul(low, uniform[:, : len(low)], span)
    areas, ratios, events, position, order, place, spread, hue, sigma = between.split(_COLUMNS, 1)
    flip, jitter, grey, blur = (events < chances).unbind(1)
    blends = order.argsort(1)
    height, width = _crop(areas, ratios.exp(), size)
    top, left = (position * (size + 1 - torch.stack((height, width), 1))).floor_().unbind(1)
    return Parameters(
        top=top,
        left=left,
        height=height,
        width=width,
        flip=flip,
        blends=blends,
        factors=spread.gather(1, blends).masked_fill_(~jitter[:, None], 1.0),
        hue=hue[:, 0] * jitter,
        hue_after=(order < place).sum(1),
        grey=grey,
        sigma=sigma[:, 0] * blur,
    )


def _crop(areas: Tensor, ratios: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Return crop sizes as RandomResizedCrop.get_params does: the first try that fits, or the whole image."""
    sides = torch.stack((areas / ratios, areas * ratios)).sqrt_().round_()
    fits = ((sides >= 1) & (sides <= size)).all(0)
    first = fits.int().argmax(1, keepdim=True)
    chosen = sides.gather(2, first.expand(2, -1, -1))[:, :, 0]
    height, width = chosen.masked_fill_(~fits.any(1), size)
    return height, width


@lru_cache(maxsize=64)
def _ranges(config: AugmentationConfig, size: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return the minimum and span of every column of random numbers, and the probability of every event.

    Cached on the device, because copying them for every batch would synchronise.
    """
    c, area, plain = config, size**2, (0.0, 1.0)
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
