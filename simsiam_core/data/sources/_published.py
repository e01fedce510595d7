"""Shared code of the published data sets, which torchvision locates, verifies and unpacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simsiam_core.data.source import Source

if TYPE_CHECKING:
    from simsiam_core.config import DataConfig
    from simsiam_core.data.cache import Progress
    from simsiam_core.data.image_set import Splits


def published_source(
    name: str,
    class_name: str,
    *,
    title: str,
    help: str,
    train_count: int,
    test_count: int,
    classes: int,
    download: str,
) -> Source:
    """Build the source `name` from the class `class_name` of `torchvision.datasets`."""

    def load(config: DataConfig, progress: Progress) -> tuple[Splits, str]:
        from simsiam_core.data.published import load_published

        return load_published(name, class_name, config.image_size, progress)

    return Source(
        title=title,
        help=help,
        load=load,
        count_train=lambda config, seconds: train_count,
        classes=classes,
        test_count=test_count,
        download=download,
    )
