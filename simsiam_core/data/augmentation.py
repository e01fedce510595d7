"""Two random views of every picture, made for the whole batch at once on whatever device it lies on.

The transforms and their order are SimSiam's: random-resized-crop, colour jitter, grey, blur, flip. For
equal parameters the pictures equal those of `torchvision.transforms.functional` on float tensors. Nothing
here waits for the device: no value is read back, and every shape is known beforehand.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from simsiam_core.config import AugmentationConfig
from simsiam_core.data.colour import blend, luma, shift_hue
from simsiam_core.data.image_set import Triple

CROP_RATIO = (3 / 4, 4 / 3)  # width : height, as in torchvision and every SimSiam recipe
CPU_PIXELS_AT_ONCE = 2**17  # 128 views of 32 px: what passes from one step to the next stays in the cache
_TRIES = 10  # torchvision draws a crop so often before it takes the whole picture


@dataclass(frozen=True)
class Parameters:
    """What is done to each of n views; every field is a tensor whose first dimension is n.

    A view whose colours are left alone has factors 1 and hue 0; one that is not blurred has sigma 0.
    """

    top: Tensor  # of the crop, in whole pixels, as float
    left: Tensor
    height: Tensor
    width: Tensor
    flip: Tensor  # bool
    blends: Tensor  # int64 [n, 3]: the order of brightness 0, contrast 1, saturation 2
    factors: Tensor  # [n, 3]: of the three, in that order of application
    hue: Tensor  # share of the colour circle
    hue_after: Tensor  # int64: after how many of the three the hue is shifted, 0..3
    grey: Tensor  # bool
    sigma: Tensor  # of the blur, in pixels

    def __getitem__(self, part: slice | Tensor) -> Parameters:
        """Those of some of the views."""
        return Parameters(**{field.name: getattr(self, field.name)[part] for field in fields(self)})


class Augmentation:
    """SimSiam's augmentation of square pictures of `image_size`, normalised with `mean` and `std`.

    Views are as large as the pictures, or of side `view_size`, which is at least half of theirs: sampling
    reads two pixels in each direction, and would skip some where a picture shrinks further.
    """

    def __init__(
        self,
        config: AugmentationConfig,
        image_size: int,
        mean: Triple,
        std: Triple,
        view_size: int | None = None,
    ) -> None:
        self.config, self.size, self.mean, self.std = config, image_size, mean, std
        self.view_size = view_size or image_size

    def views(
        self, images: Tensor, generator: torch.Generator, count: int = 2, share: tuple[int, int] = (0, 1)
    ) -> tuple[Tensor, ...]:
        """`count` independent views of uint8 [B, 3, S, S], each float32 [B, 3, V, V] and normalised.

        `generator` lives on the images' device; an equal state gives equal views. `images` may be the share
        `(i, n)` of a batch of n · B: they are then given the views that they would have within it.
        """
        index, shares = share
        parameters = self.draw(count * shares * len(images), generator)
        if shares > 1:
            parameters = parameters[_rows_of_share(count, index, shares, len(images), images.device)]
        return self.apply(images.repeat(count, 1, 1, 1), parameters).chunk(count)

    def draw(self, n: int, generator: torch.Generator) -> Parameters:
        """Random parameters for n views, distributed as torchvision's.

        Every setting has its own random numbers, so changing one leaves what the others do as it was.
        """
        c, uniform = self.config, torch.rand(n, 36, generator=generator, device=generator.device)
        tries, rest = uniform[:, : 2 * _TRIES], uniform[:, 2 * _TRIES :]
        flip, jitter, grey, blur = (
            rest[:, i] < p
            for i, p in enumerate(
                (c.flip_probability, c.jitter_probability, c.grey_probability, c.blur_probability)
            )
        )
        top, left, height, width = self._crop(tries, rest[:, 4], rest[:, 5])
        blends = rest[:, 6:9].argsort(1)
        spread = torch.stack(
            [_between(rest[:, 10 + i], max(0.0, 1 - s), 1 + s) for i, s in enumerate(self._strengths)], 1
        )
        return Parameters(
            top=top,
            left=left,
            height=height,
            width=width,
            flip=flip,
            blends=blends,
            factors=torch.where(jitter[:, None], spread.gather(1, blends), 1.0),
            hue=torch.where(jitter, _between(rest[:, 13], -c.hue, c.hue), 0.0),
            hue_after=(rest[:, 6:9] < rest[:, 9:10]).sum(1),
            grey=grey,
            sigma=torch.where(blur, _between(rest[:, 14], c.blur_sigma_min, c.blur_sigma_max), 0.0),
        )

    def apply(self, images: Tensor, parameters: Parameters) -> Tensor:
        """Views of uint8 [n, 3, S, S], as float32, normalised. Raises ValueError for other shapes."""
        mean, std = _constants(self.mean, self.std, images.device)
        at_once = max(1, CPU_PIXELS_AT_ONCE // self.size**2) if images.device.type == "cpu" else len(images)
        if len(images) <= at_once:
            return (self.pictures(images, parameters) - mean) / std
        views = torch.empty((*images.shape[:2], self.view_size, self.view_size))
        for start in range(0, len(images), at_once):
            part = slice(start, start + at_once)
            torch.sub(self.pictures(images[part], parameters[part]), mean, out=views[part]).div_(std)
        return views

    def pictures(self, images: Tensor, parameters: Parameters) -> Tensor:
        """As `apply`, on the scale 0..1: what a person can look at."""
        if images.shape[1:] != (3, self.size, self.size) or len(images) != len(parameters.top):
            expected = (len(parameters.top), 3, self.size, self.size)
            raise ValueError(f"Images have the shape {tuple(images.shape)}; it must be {expected}.")
        c, p = self.config, parameters
        views = self._crop_and_flip(images.float() / 255, p)
        if c.jitter_probability > 0:
            views = self._jitter(views, p)
        if c.grey_probability > 0:
            views = torch.lerp(views, luma(views), p.grey.float().view(-1, 1, 1, 1))
        return self._blur(views, p.sigma) if c.blur_probability > 0 else views

    @property
    def _strengths(self) -> Triple:
        return self.config.brightness, self.config.contrast, self.config.saturation

    def _crop(self, tries: Tensor, down: Tensor, across: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """RandomResizedCrop.get_params: the first of ten tries that fits, or the whole picture."""
        size, c = self.size, self.config
        area = size**2 * _between(tries[:, :_TRIES], c.crop_scale_min, c.crop_scale_max)
        ratio = _between(tries[:, _TRIES:], math.log(CROP_RATIO[0]), math.log(CROP_RATIO[1])).exp()
        widths, heights = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
        fits = (widths >= 1) & (widths <= size) & (heights >= 1) & (heights <= size)
        first = fits.int().argmax(1, keepdim=True)
        fitting = fits.any(1)
        width = torch.where(fitting, widths.gather(1, first)[:, 0], float(size))
        height = torch.where(fitting, heights.gather(1, first)[:, 0], float(size))
        return (down * (size - height + 1)).floor(), (across * (size - width + 1)).floor(), height, width

    def _crop_and_flip(self, images: Tensor, p: Parameters) -> Tensor:
        """Bilinear, from one grid: antialiasing changes nothing in views as large as the pictures."""
        size, view = self.size, self.view_size
        steps = (torch.arange(view, device=images.device) + 0.5) / view
        x_steps = torch.where(p.flip[:, None], 1 - steps, steps)
        y = _pixels(p.top, p.height, steps.expand_as(x_steps))
        x = _pixels(p.left, p.width, x_steps)
        # grid_sample's scale: the outer edges of the picture are at -1 and 1.
        x, y = ((2 * t + 1) / size - 1 for t in (x, y))
        grid = torch.stack((x[:, None, :].expand(-1, view, -1), y[:, :, None].expand(-1, -1, view)), -1)
        return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)

    def _jitter(self, views: Tensor, p: Parameters) -> Tensor:
        """ColorJitter, whose four steps have an order of their own in every view.

        Three of the steps are blends of one form, cheap enough to be done before and after the one shift of
        hue, with a factor of 1 on the side where they do not belong.
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
        """Separable Gaussian, out to three times the strongest sigma, reflected at the edges."""
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
    """The evaluation transform: uint8 [N, 3, S, S] as float32 with mean 0 and std 1 in each channel."""
    centre, scale = _constants(mean, std, images.device)
    return (images.float() / 255 - centre) / scale


def _rows_of_share(count: int, index: int, shares: int, length: int, device: torch.device) -> Tensor:
    """Where the views of one share stand among the `count` views of the whole batch, view after view."""
    rows = torch.arange(count * shares * length, device=device).view(count, shares, length)
    return rows[:, index].flatten()


def _between(uniform: Tensor, low: float, high: float) -> Tensor:
    return low + (high - low) * uniform


def _pixels(start: Tensor, length: Tensor, steps: Tensor) -> Tensor:
    """Source coordinates [n, S] of a view's pixels, kept within the crop as resizing a cut-out does."""
    inside = (length[:, None] * steps - 0.5).clamp(min=0)
    return start[:, None] + torch.minimum(inside, length[:, None] - 1)


@lru_cache(maxsize=64)
def _constants(
    mean: tuple[float, ...], std: tuple[float, ...], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Kept on the device, because copying them there for every batch would wait for it."""
    mean_tensor, std_tensor = torch.tensor([mean, std], device=device).view(2, 1, 3, 1, 1)
    return mean_tensor, std_tensor
