"""Data source of procedural textures, generated on the fly; the default on a fresh machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simsiam_core.data.source import Source

if TYPE_CHECKING:
    from simsiam_core.config import DataConfig
    from simsiam_core.data.cache import Progress
    from simsiam_core.data.image_set import Splits


def _load(config: DataConfig, progress: Progress) -> tuple[Splits, str]:
    from simsiam_core.data.textures import generate_textures

    return generate_textures(config.image_size, progress)


def _count_train(config: DataConfig, seconds: float) -> int:
    from simsiam_core.data.textures import TRAIN_COUNT

    return TRAIN_COUNT


ENTRY = Source(
    title="Textures",
    help="Ten kinds of procedural pattern, 4,000 for training and 1,000 for testing.",
    load=_load,
    count_train=_count_train,
    generated=True,
    classes=10,
    test_count=1_000,
)
