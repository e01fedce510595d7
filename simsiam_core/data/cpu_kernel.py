"""CPU augmentation kernel (Numba): crop, flip, colour jitter and greyscale, fused and run view by view.

A view fits into a core's L1 cache, whereas batched tensor operations pass through main memory each time: the
kernel takes about a quarter of their time. The steps are those of `augmentation`, which runs them on whole
batches on other devices, and of `colour`, which explains the arithmetic. Compiled on first use and cached on
disk; single-threaded, and releases the GIL.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

from simsiam_core.data.colour import CONTRAST, SATURATION
from simsiam_core.data.image_batch import ImageBatch
from simsiam_core.data.image_set import Triple
from simsiam_core.data.view_parameters import Parameters

Array = Any  # numpy array; Numba infers the types
Arrays = tuple[Array, ...]
Number = Any  # float32
f32 = np.float32  # used for all constants: a Python float would promote whole loops to float64
NOTHING, HALF, WHOLE = f32(0), f32(0.5), f32(1)
RED, GREEN, BLUE = f32(0.2989), f32(0.587), f32(0.114)  # weights of the grey value
ONE = np.uintp(1)
THIRD, SIXTH, SIX, TINY = f32(1 / 3), f32(1 / 6), f32(6), f32(1e-12)

_compiled: Any = njit(cache=True, nogil=True, error_model="numpy")


def make_views(
    images: Tensor | ImageBatch, parameters: Parameters, view_size: int, mean: Triple, std: Triple
) -> Tensor:
    """Make views, except blur: normalised float32 [n, 3, V, V] in channels_last.

    Crops of square images, uint8 [n, 3, S, S], are bilinear; those of an `ImageBatch` are antialiased.
    """
    p = parameters
    views = torch.empty(len(images), view_size, view_size, 3)
    make, pictures = _make, _arrays(images) if isinstance(images, Tensor) else ()
    if isinstance(images, ImageBatch):
        make = _make_antialiased
        pictures = _arrays(images.pixels, images.offsets, images.heights, images.widths)
    crops = _arrays(p.top, p.left, p.height, p.width, p.flip)
    colours = _arrays(p.blends, p.factors, p.hue, p.hue_after, p.grey)
    make(pictures, crops, colours, (np.array(mean, f32), WHOLE / np.array(std, f32), views.numpy()))
    return views.permute(0, 3, 1, 2)


def _arrays(*tensors: Tensor) -> Arrays:
    return tuple(tensor.contiguous().numpy() for tensor in tensors)


@_compiled
def _make(pictures: Arrays, crops: Arrays, colours: Arrays, target: Arrays) -> None:
    mean, scale, views = target
    (images,) = pictures
    top, left, height, width, flip = crops
    side = views.shape[1]
    view = np.empty((3, side * side), f32)
    for i in range(len(images)):
        _crop(images[i], top[i], left[i], height[i], width[i], flip[i], side, view)
        _colour(view, i, colours)
        _normalise(view, mean, scale, views[i].reshape(-1))


@_compiled
def _make_antialiased(pictures: Arrays, crops: Arrays, colours: Arrays, target: Arrays) -> None:
    mean, scale, views = target
    pixels, offsets, heights, widths = pictures
    top, left, height, width, flip = crops
    side = views.shape[1]
    view = np.empty((3, side * side), f32)
    for i in range(len(offsets)):
        end = offsets[i] + 3 * heights[i] * widths[i]
        image = pixels[offsets[i] : end].reshape((3, heights[i], widths[i]))
        crop = image[
            :, int(top[i]) : int(top[i]) + int(height[i]), int(left[i]) : int(left[i]) + int(width[i])
        ]
        _resize(crop, flip[i], side, view)
        _colour(view, i, colours)
        _normalise(view, mean, scale, views[i].reshape(-1))


@_compiled
def _colour(view: Array, i: int, colours: Arrays) -> None:
    """Apply the i-th view's colour jitter and greyscale."""
    blends, factors, hue, hue_after, grey = colours
    for j in range(4):
        if j == hue_after[i] and hue[i] != 0:
            _shift_hue(view, hue[i])
        if j < 3 and factors[i, j] != 1:
            _blend(view, blends[i, j], factors[i, j])
    if grey[i]:
        for pixel in range(view.shape[1]):
            view[:, pixel] = _luma(view[0, pixel], view[1, pixel], view[2, pixel])


@_compiled
def _normalise(view: Array, mean: Array, scale: Array, target: Array) -> None:
    """Write a view [3, V × V] to its place in channels_last."""
    for pixel in range(view.shape[1]):
        target[3 * pixel] = (view[0, pixel] - mean[0]) * scale[0]
        target[3 * pixel + 1] = (view[1, pixel] - mean[1]) * scale[1]
        target[3 * pixel + 2] = (view[2, pixel] - mean[2]) * scale[2]


@_compiled
def _taps(length: int, side: int) -> tuple[Array, Array]:
    """Return for every pixel of a view the first source pixel it reads, and the weights from there on.

    The weights are those of torch's antialiased bilinear interpolation, see `resampling.weights`.
    """
    scale = f32(length) / f32(side)
    support = max(scale, WHOLE)
    most = int(np.ceil(support)) * 2 + 1
    first, weight = np.zeros(side, np.intp), np.zeros((side, most), f32)
    for place in range(side):
        centre = scale * (f32(place) + HALF)
        first[place] = max(int(centre - support + HALF), 0)
        total = NOTHING
        for tap in range(min(most, length - first[place])):
            distance = abs(f32(first[place] + tap) + HALF - centre) / support
            weight[place, tap] = max(WHOLE - distance, NOTHING)
            total += weight[place, tap]
        weight[place] /= total
    return first, weight


@_compiled
def _resize(crop: Array, flip: bool, side: int, view: Array) -> None:
    """Resize a crop uint8 [3, h, w] with antialiasing, first vertically and then horizontally."""
    height, width = crop.shape[1], crop.shape[2]
    above, down = _taps(height, side)
    before, across = _taps(width, side)
    line = np.zeros(width + across.shape[1], f32)  # the extra elements are only read with weight 0
    for row in range(side):
        for channel in range(3):
            line[:width] = NOTHING
            for tap in range(min(down.shape[1], height - above[row])):
                share = down[row, tap] / f32(255)
                if share != 0:
                    source = crop[channel, above[row] + tap]
                    for x in range(width):
                        line[x] += share * f32(source[x])
            target = view[channel, row * side : (row + 1) * side]
            for column in range(side):
                total = NOTHING
                for tap in range(across.shape[1]):
                    total += across[column, tap] * line[before[column] + tap]
                target[side - 1 - column if flip else column] = total


@_compiled
def _source(step: int, side: int, start: Number, length: Number) -> tuple[int, Number]:
    """Return the source index at or before a view's pixel, and the fraction to the next: see `_pixels`."""
    inside = (f32(step) + HALF) / f32(side) * length - HALF
    place = start + min(max(inside, NOTHING), length - WHOLE)
    pixel = int(place)
    return pixel, f32(place - f32(pixel))


@_compiled
def _crop(
    image: Array, top: Number, left: Number, height: Number, width: Number, flip: bool, side: int, view: Array
) -> None:
    """Crop with bilinear interpolation: first vertically between two image rows, then horizontally."""
    size = image.shape[1]
    first, share = np.empty(side, np.uintp), np.empty(side, f32)  # unsigned indices need no check per access
    line = np.zeros(size + 1, f32)  # the extra element is only read with weight 0
    for column in range(side):
        first[column], share[column] = _source(side - 1 - column if flip else column, side, left, width)
    for row in range(side):
        above, down = _source(row, side, top, height)
        below = min(above + 1, size - 1)
        of_below = down / f32(255)
        of_above = WHOLE / f32(255) - of_below
        for channel in range(3):
            upper, lower = image[channel, above], image[channel, below]
            for x in range(size):
                line[x] = upper[x] * of_above + lower[x] * of_below
            target = view[channel, row * side : (row + 1) * side]
            for column in range(side):
                start, end = line[first[column]], line[first[column] + ONE]
                target[column] = start + (end - start) * share[column]


@_compiled
def _luma(red: Number, green: Number, blue: Number) -> Number:
    return RED * red + GREEN * green + BLUE * blue


@_compiled
def _blend(view: Array, kind: int, factor: Number) -> None:
    """Apply `colour.blend` with the partner for this kind."""
    rest = WHOLE - factor
    of_grey = rest if kind == SATURATION else NOTHING
    constant = NOTHING
    if kind == CONTRAST:
        constant = rest * f32(_luma(view[0].mean(), view[1].mean(), view[2].mean()))
    red, green, blue = view[0], view[1], view[2]
    for pixel in range(view.shape[1]):
        partner = of_grey * _luma(red[pixel], green[pixel], blue[pixel]) + constant
        red[pixel] = min(max(factor * red[pixel] + partner, NOTHING), WHOLE)
        green[pixel] = min(max(factor * green[pixel] + partner, NOTHING), WHOLE)
        blue[pixel] = min(max(factor * blue[pixel] + partner, NOTHING), WHOLE)


@_compiled
def _shift_hue(view: Array, shift: Number) -> None:
    """Apply `colour.shift_hue`, pixel by pixel."""
    red, green, blue = view[0], view[1], view[2]
    for pixel in range(view.shape[1]):
        r, g, b = red[pixel], green[pixel], blue[pixel]
        value = max(r, g, b)
        chroma = value - min(r, g, b)
        scale = WHOLE / max(SIX * chroma, TINY)
        hue = (g - b) * scale if r == value else (b - r) * scale + THIRD
        hue = hue if r == value or g == value else (r - g) * scale + THIRD + THIRD
        hue += shift
        red[pixel] = _channel(hue, value, chroma)
        green[pixel] = _channel(hue + THIRD + THIRD, value, chroma)
        blue[pixel] = _channel(hue + THIRD, value, chroma)


@_compiled
def _channel(hue: Number, value: Number, chroma: Number) -> Number:
    distance = abs(hue - np.rint(hue))
    return value + chroma - SIX * chroma * min(max(distance, SIXTH), THIRD)
