"""Crops of images of different sizes, resized with antialiasing in batched operations, on any device.

Equal to `torchvision.transforms.v2.functional.resized_crop` with `antialias=True`: both weight the source
pixels by a triangle as wide as an output pixel, or as a source pixel where the crop is enlarged.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from simsiam_core.data.image_batch import ImageBatch
from simsiam_core.data.view_parameters import CROP_RATIO, Parameters

CHUNK_PIXELS = 4 << 20  # of source pixels held as floats at once, each with three channels


def resized_crops(images: ImageBatch, p: Parameters, size: int) -> Tensor:
    """Crop, resize and flip: float32 [n, 3, size, size] on the scale 0..1.

    No value is read back from the device, and shapes depend on the greatest sizes alone.
    """
    side = min(images.longer, math.ceil(images.shorter * CROP_RATIO[1]) + 2)  # no crop is longer
    step = max(1, CHUNK_PIXELS // side**2)
    whole = range(0, len(images), step)
    with torch.autocast(images.device.type, enabled=False):
        return torch.cat([_chunk(images, p, size, side, slice(start, start + step)) for start in whole])


def _chunk(images: ImageBatch, p: Parameters, size: int, side: int, part: slice) -> Tensor:
    steps = torch.arange(side, device=images.device)
    height, width = images.heights[part, None], images.widths[part, None]
    rows = torch.minimum(p.top[part, None].long() + steps, height - 1)
    columns = torch.minimum(p.left[part, None].long() + steps, width - 1)
    inside = rows[:, :, None] * width[:, None] + columns[:, None]  # [n, side, side]
    planes = torch.arange(3, device=images.device) * (height * width)  # [n, 3]
    places = (images.offsets[part, None] + planes)[:, :, None, None] + inside[:, None]
    crops = images.pixels[places].float()
    down = weights(p.height[part], size, side)[:, None]
    across = weights(p.width[part], size, side)
    across = torch.where(p.flip[part, None, None], across.flip(1), across)[:, None]
    return (down @ crops @ across.transpose(2, 3)).div_(255).clamp_(0, 1)


def weights(lengths: Tensor, size: int, side: int) -> Tensor:
    """Return the weights of `side` source pixels, of which the first `lengths` [n] count, in `size` pixels.

    They are float32 [n, size, side] and sum to 1 for each output pixel.
    """
    scale = (lengths / size)[:, None, None]
    centres = scale * (torch.arange(size, device=lengths.device)[:, None] + 0.5)
    pixels = torch.arange(side, device=lengths.device) + 0.5
    found = (1 - (pixels - centres).abs() / scale.clamp(min=1)).clamp_(min=0)
    found = torch.where(pixels < lengths[:, None, None], found, 0.0)
    return found / found.sum(2, keepdim=True)
