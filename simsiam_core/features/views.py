"""Preview of augmented views as used in training: plain data out, like `inspection`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simsiam_core.config import parse
from simsiam_core.features.inspection import Pixels, pixels

if TYPE_CHECKING:
    from simsiam_core.data import Progress


@dataclass(frozen=True)
class Previewed:
    """An image and its augmented views as used in training."""

    id: str
    original: Pixels
    views: tuple[Pixels, ...]


def preview(
    values: Mapping[str, Any], count: int, seed: int = 0, progress: Progress | None = None
) -> tuple[Previewed, ...]:
    """Make views of `count` training images under a config given as nested values; `seed` fixes them."""
    import torch

    from simsiam_core.data import Augmentation
    from simsiam_core.features import loaded

    config = parse(values)
    dataset = loaded.dataset(config.data, progress)
    generator = torch.Generator().manual_seed(seed)
    images = dataset.train.select(torch.randperm(len(dataset.train), generator=generator)[: max(1, count)])
    augmentation = Augmentation(config.augmentation, config.data.image_size, dataset.mean, dataset.std)
    number = config.objective.views
    parameters = augmentation.draw(number * len(images), generator)
    views = augmentation.viewable(images.images.repeat(number, 1, 1, 1), parameters)
    shown = (views * 255).round().clamp(0, 255).byte().unflatten(0, (number, -1))
    return tuple(
        Previewed(images.ids[i], pixels(images.images[i]), tuple(pixels(view[i]) for view in shown))
        for i in range(len(images))
    )
