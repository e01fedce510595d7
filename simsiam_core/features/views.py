"""Preview of augmented views as used in training: plain data out, like `inspection`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simsiam_core.config import parse
from simsiam_core.features.inspection import Pixels, pixels

if TYPE_CHECKING:
    from torch import Tensor

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
    from simsiam_core.data.image_batch import ImageBatch
    from simsiam_core.data.larger import in_memory
    from simsiam_core.features import loaded

    config = parse(values)
    dataset = loaded.dataset(config.data, progress)
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randperm(len(dataset.train), generator=generator)[: max(1, count)]
    images = dataset.train.select(rows)
    larger = in_memory(config, dataset, rows)
    augmentation = Augmentation(config.augmentation, config.data.image_size, dataset.mean, dataset.std)
    number = config.objective.views
    served = images.images if larger is None else larger
    shown = [*_shown(augmentation.viewable_views(served, generator, number), number)]
    if small := config.objective.small_view_count:
        side = config.objective.local_size
        local = Augmentation(config.small_views, config.data.image_size, dataset.mean, dataset.std, side)
        batch = served if isinstance(served, ImageBatch) else ImageBatch.of_square(served)
        shown += _shown(local.viewable_views(batch, generator, small), small)
    return tuple(
        Previewed(images.ids[i], pixels(images.images[i]), tuple(pixels(view[i]) for view in shown))
        for i in range(len(images))
    )


def _shown(views: Tensor, number: int) -> Tensor:
    """Turn views [number · n, 3, V, V] on the scale 0..1 into uint8 [number, n, 3, V, V]."""
    return (views * 255).round().clamp(0, 255).byte().unflatten(0, (number, -1))
