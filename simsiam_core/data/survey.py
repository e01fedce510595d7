"""Survey of a data set from a sample of its images: how many, how large, in colour or not, and how alike.

The user's own images are listed and a sample is decoded at a small size, so that a survey takes seconds,
however many there are.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median_low

import torch
from torch import Tensor
from torch.nn import functional as F

from simsiam_core.config import ConfigError, DataConfig
from simsiam_core.data.cache import Progress
from simsiam_core.data.image_file import ImageError, read_image, upright_size
from simsiam_core.data.listing import Listing
from simsiam_core.data.loading import load
from simsiam_core.data.sources import SOURCES

SAMPLE = 600  # images decoded, evenly spaced over the training images
SIDE = 32  # px at which they are decoded
_COLOURED = 6.0  # of 255: mean difference between channels from which a pixel counts as coloured
_GREY_SHARE = 0.95  # of the images without colour, from which the whole set counts as grey
_ALIKE_SIDE = 8  # px: how alike images are is a matter of their layout, not of their details


@dataclass(frozen=True, eq=False)
class Survey:
    """What a sample tells about a data set; counts are of the training images."""

    images: int
    class_sizes: tuple[int, ...]  # empty without labels
    side: int  # the middle one of the shorter sides, px
    smallest: int
    largest: int
    grey: bool  # nearly all images are without colour
    alike: float  # mean correlation of the layouts of two images: 0 unrelated, 1 all the same
    sample: Tensor  # uint8 [n, 3, SIDE, SIDE]
    labels: Tensor | None  # int64 [n], of the sample

    @property
    def class_size(self) -> int:
        """Number of images of a middle-sized class; 0 without labels."""
        return median_low(self.class_sizes) if self.class_sizes else 0


def survey(config: DataConfig, progress: Progress | None = None) -> Survey:
    """Survey the training images of a config. Raises ConfigError at data.path if there are none to read."""
    report = progress or (lambda fraction, text: None)
    list_images = SOURCES.get(config.source).list_images
    if list_images is None:
        return _of_known(config, report)
    listing = list_images(config.path or "", math.inf)
    ids, labelled = listing.train, bool(listing.class_of)
    sample, sides, kept = _decoded(listing, _spaced(ids), report)
    names = sorted({listing.class_of[i] for i in kept}) if labelled else []
    labels = torch.tensor([names.index(listing.class_of[i]) for i in kept]) if labelled else None
    sizes = Counter(map(listing.class_of.__getitem__, ids)).values() if labelled else ()
    return _summed_up(config, len(ids), tuple(sizes), sides, sample, labels)


def _of_known(config: DataConfig, report: Progress) -> Survey:
    """Survey a published or generated set, whose images are all of one size and already square."""
    train = load(config, report).train
    rows = torch.tensor(_spaced(range(len(train))))
    part = train.select(rows)
    sample = F.adaptive_avg_pool2d(part.images.float(), SIDE).round().to(torch.uint8)
    sizes = () if train.labels is None else tuple(train.labels.bincount().tolist())
    return _summed_up(config, len(train), sizes, [train.images.shape[-1]], sample, part.labels)


def _spaced(items: Sequence) -> list:
    """Return at most SAMPLE items, evenly spaced."""
    count = min(SAMPLE, len(items))
    return [items[i * len(items) // count] for i in range(count)]


def _decoded(listing: Listing, ids: list[str], report: Progress) -> tuple[Tensor, list[int], list[str]]:
    """Return small copies of the images that can be read, their shorter sides, and their ids."""
    images, sides, kept = list[Tensor](), list[int](), list[str]()
    for image_id, encoded in zip(ids, listing.encoded(ids), strict=True):
        report(len(images) / len(ids), f"Looking at {len(ids):,} of the images")
        try:
            if not isinstance(encoded, ImageError):
                side = min(upright_size(encoded))
                images.append(read_image(encoded, SIDE))
                sides.append(side)
                kept.append(image_id)
        except ImageError:
            continue  # reported when training decodes it
    if not images:
        raise ConfigError.at("data.path", f"None of {len(ids):,} images looked at in the folder can be read.")
    return torch.stack(images), sides, kept


def _summed_up(
    config: DataConfig,
    count: int,
    class_sizes: tuple[int, ...],
    sides: list[int],
    sample: Tensor,
    labels: Tensor | None,
) -> Survey:
    used = min(count, config.train_limit or count)
    sizes = tuple(max(1, size * used // count) for size in class_sizes if size)
    spread = (sample.amax(1).float() - sample.amin(1).float()).mean((1, 2))
    grey = float((spread < _COLOURED).float().mean()) >= _GREY_SHARE
    return Survey(
        used, sizes, median_low(sides), min(sides), max(sides), grey, _alike(sample), sample, labels
    )


def _alike(sample: Tensor) -> float:
    """Return the mean correlation between the luminance layouts of two different images."""
    if len(sample) < 2:
        return 1.0
    layouts = F.adaptive_avg_pool2d(sample.float().mean(1), _ALIKE_SIDE).flatten(1)
    unit = F.normalize(layouts - layouts.mean(1, keepdim=True), dim=1)
    count = len(unit)
    return float((unit.sum(0).square().sum() - unit.square().sum()) / (count * (count - 1)))
