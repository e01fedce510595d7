"""Batched SimSiam augmentation: random views of a whole batch at once, on the batch's device.

Images are square and of one size, or of any sizes (`ImageBatch`): then crops are antialiased. The transforms
and their order are SimSiam's: random-resized-crop, colour jitter, grey, blur, flip; then those of
`late_steps`. For equal parameters the images equal those of `torchvision.transforms.functional` on float
tensors. Nothing here synchronises with the device: no value is read back, and all shapes are static. On a CPU
a compiled kernel makes the same views, if Numba is installed.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache, lru_cache
from types import ModuleType

import torch
import torch.nn.functional as F
from torch import Tensor

from simsiam_core.config import AugmentationConfig
from simsiam_core.data.colour import blend, luma, shift_hue
from simsiam_core.data.image_batch import ImageBatch
from simsiam_core.data.image_set import Triple
from simsiam_core.data.late_steps import apply_late, draw_late
from simsiam_core.data.resampling import resized_crops
from simsiam_core.data.view_parameters import Parameters, draw, draw_unplaced


class Augmentation:
    """SimSiam's augmentation of square images of `image_size`, normalised with `mean` and `std`.

    Views have the size of the images, or side `view_size`, which must be at least half of theirs if the images
    are square: bilinear sampling reads two pixels in each direction, and would skip pixels at stronger
    downscaling. Crops of an `ImageBatch` are antialiased instead, and may be of any size.
    """

    def __init__(
        self,
        config: AugmentationConfig,
        image_size: int,
        mean: Triple,
        std: Triple,
        view_size: int | None = None,
    ) -> None:
        if not config.jitter_grey_scale and _is_grey(mean) and _is_grey(std):
            config = config.model_copy(update={"jitter_probability": 0.0, "grey_probability": 0.0})
        self.config, self.size, self.mean, self.std = config, image_size, mean, std
        self.view_size = view_size or image_size

    def views(
        self,
        images: Tensor | ImageBatch,
        generator: torch.Generator,
        count: int = 2,
        share: tuple[int, int] = (0, 1),
    ) -> tuple[Tensor, ...]:
        """Make `count` independent views of uint8 [B, 3, S, S], each float32 [B, 3, V, V] and normalised.

        `generator` must be on the images' device; the same state gives the same views. `images` may be the
        share `(i, n)` of a batch of n · B: they then get the same views as within the whole batch.
        """
        return self.apply(*self.draw_for(images, generator, count, share)).chunk(count)

    def viewable_views(self, images: Tensor | ImageBatch, generator: torch.Generator, count: int) -> Tensor:
        """Make the views that `views` makes, [count · B, 3, V, V], but on the scale 0..1, for display."""
        return self.viewable(*self.draw_for(images, generator, count))

    def draw_for(
        self,
        images: Tensor | ImageBatch,
        generator: torch.Generator,
        count: int = 1,
        share: tuple[int, int] = (0, 1),
    ) -> tuple[Tensor | ImageBatch, Parameters]:
        """Draw the parameters of `count` views, and return them with the images, repeated `count` times."""
        (index, shares), rows = share, None
        total = count * shares * len(images)
        if shares > 1:
            rows = _rows_of_share(count, index, shares, len(images), images.device)
        if isinstance(images, ImageBatch):
            # Drawn for the whole batch, since the sizes of the other shares' images are not known here.
            drawn = draw_unplaced(self.config, total, generator)
            late = draw_late(self.config, self.view_size, total, generator)
            drawn = replace(drawn, rest=replace(drawn.rest, late=late))
            repeated = images.repeat(count)
            return repeated, (drawn if rows is None else drawn[rows]).placed(
                repeated.heights, repeated.widths
            )
        parameters = self.draw(total, generator)
        return images.repeat(count, 1, 1, 1), parameters if rows is None else parameters[rows]

    def draw(self, n: int, generator: torch.Generator) -> Parameters:
        """Draw random parameters for n views of square images."""
        parameters = draw(self.config, self.size, n, generator)
        return replace(parameters, late=draw_late(self.config, self.view_size, n, generator))

    def apply(self, images: Tensor | ImageBatch, parameters: Parameters) -> Tensor:
        """Make normalised float32 views of uint8 [n, 3, S, S]. Raises ValueError for other shapes."""
        return self._make(images, parameters, self.mean, self.std)

    def viewable(self, images: Tensor | ImageBatch, parameters: Parameters) -> Tensor:
        """Make views as `apply` does, but on the scale 0..1, for display."""
        if parameters.late is None:
            return self._make(images, parameters, (0.0,) * 3, (1.0,) * 3)
        centre, scale = _constants(self.mean, self.std, images.device)
        return (self.apply(images, parameters) * scale + centre).clamp_(0, 1)

    def _make(self, images: Tensor | ImageBatch, p: Parameters, mean: Triple, std: Triple) -> Tensor:
        if isinstance(images, Tensor) and (
            images.shape[1:] != (3, self.size, self.size) or len(images) != len(p.top)
        ):
            expected = (len(p.top), 3, self.size, self.size)
            raise ValueError(f"Images have the shape {tuple(images.shape)}; it must be {expected}.")
        kernel = cpu_kernel() if images.device.type == "cpu" else None
        if kernel:
            views = kernel.make_views(images, p, self.view_size, mean, std)
        else:
            centre, scale = _constants(mean, std, images.device)
            views = self._colours(self._crop_and_flip(images, p), p).sub_(centre).div_(scale)
        # The kernel weights sum to 1, so blurring and normalising commute.
        views = self._blur(views, p.sigma) if self.config.blur_probability > 0 else views
        if p.late is None:
            return views
        return apply_late(views, p.late, self.config, *_constants(mean, std, images.device))

    def _colours(self, views: Tensor, p: Parameters) -> Tensor:
        if self.config.jitter_probability > 0:
            views = self._jitter(views, p)
        if self.config.grey_probability > 0:
            views = torch.lerp(views, luma(views), p.grey.float().view(-1, 1, 1, 1))
        return views

    def _crop_and_flip(self, images: Tensor | ImageBatch, p: Parameters) -> Tensor:
        """Crop and flip with one bilinear grid; antialiasing has no effect on views of the images' size."""
        size, view = self.size, self.view_size
        if isinstance(images, ImageBatch):
            return resized_crops(images, p, view)
        images = images.float() / 255
        steps = (torch.arange(view, device=images.device) + 0.5) / view
        x_steps = torch.where(p.flip[:, None], 1 - steps, steps)
        y = _pixels(p.top, p.height, steps.expand_as(x_steps))
        x = _pixels(p.left, p.width, x_steps)
        # grid_sample's convention: the outer edges of the image are at -1 and 1.
        x, y = ((2 * t + 1) / size - 1 for t in (x, y))
        grid = torch.stack((x[:, None, :].expand(-1, view, -1), y[:, :, None].expand(-1, -1, view)), -1)
        return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)

    def _jitter(self, views: Tensor, p: Parameters) -> Tensor:
        """Apply ColorJitter, with its four steps in random order per view.

        Three of the steps are blends of the same form, cheap enough to run both before and after the hue
        shift, with a factor of 1 on the side where they do not apply.
        """
        if self.config.hue == 0:
            for i in range(3):
                views = blend(views, p.blends[:, i], p.factors[:, i])
            return views
        for i in range(3):
            views = blend(views, p.blends[:, i], torch.where(p.hue_after > i, p.factors[:, i], 1.0))
        views = shift_hue(views, p.hue)
        for i in range(3):
            views = blend(views, p.blends[:, i], torch.where(p.hue_after > i, 1.0, p.factors[:, i]))
        return views

    def _blur(self, views: Tensor, sigma: Tensor) -> Tensor:
        """Apply a separable Gaussian blur with a radius of three maximum sigmas and reflect padding."""
        radius = min(math.ceil(3 * self.config.blur_sigma_max), self.view_size - 1)
        offsets = torch.arange(-radius, radius + 1, device=views.device)
        kernel = torch.exp(-0.5 * (offsets / sigma.clamp(min=1e-3)[:, None]).square())
        kernel = (kernel / kernel.sum(1, keepdim=True)).view(len(views), -1, 1, 1, 1)
        for dim, padding in ((-1, (radius, radius, 0, 0)), (-2, (0, 0, radius, radius))):
            padded, blurred = F.pad(views, padding, mode="reflect"), torch.zeros_like(views)
            for tap in range(2 * radius + 1):
                blurred.addcmul_(padded.narrow(dim, tap, self.view_size), kernel[:, tap])
            views = blurred
        return views


def normalise(images: Tensor, mean: Triple, std: Triple) -> Tensor:
    """Apply the evaluation transform: uint8 [N, 3, S, S] to float32 with mean 0 and std 1 in each channel."""
    centre, scale = _constants(mean, std, images.device)
    return (images.float() / 255 - centre) / scale


def _rows_of_share(count: int, index: int, shares: int, length: int, device: torch.device) -> Tensor:
    """Return the rows of one share's views among the `count` views of the whole batch, view by view."""
    rows = torch.arange(count * shares * length, device=device).view(count, shares, length)
    return rows[:, index].flatten()


def _is_grey(channels: Triple) -> bool:
    """Return whether the statistics of all channels are equal, up to rounding in their sums."""
    return max(channels) - min(channels) < 1e-6


def _pixels(start: Tensor, length: Tensor, steps: Tensor) -> Tensor:
    """Return source coordinates [n, S] of the views' pixels, clamped as in resizing a cropped image."""
    inside = (length[:, None] * steps - 0.5).clamp(min=0)
    return start[:, None] + torch.minimum(inside, length[:, None] - 1)


@cache
def cpu_kernel() -> ModuleType | None:
    """Return the compiled kernel, or None if Numba cannot be imported: training does not require it."""
    try:
        from simsiam_core.data import cpu_kernel
    except (ImportError, OSError, RuntimeError):  # RuntimeError: no writable folder for compiled code
        return None
    return cpu_kernel


@lru_cache(maxsize=64)
def _constants(
    mean: tuple[float, ...], std: tuple[float, ...], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return the constants on the device; cached, because copying them for every batch would synchronise."""
    mean_tensor, std_tensor = torch.tensor([mean, std], device=device).view(2, 1, 3, 1, 1)
    return mean_tensor, std_tensor
