"""Data source for a folder of user images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simsiam_core.data.source import Source

if TYPE_CHECKING:
    from simsiam_core.config import DataConfig
    from simsiam_core.data.cache import Progress
    from simsiam_core.data.image_set import Splits


def _load(config: DataConfig, progress: Progress) -> tuple[Splits, str]:
    from simsiam_core.data.folder import load_folder

    return load_folder(config.path or "", config.image_size, progress)


def _count_train(config: DataConfig, seconds: float) -> int | None:
    """Count image files, including damaged ones; None on timeout."""
    from simsiam_core.data.folder import list_folder
    from simsiam_core.data.scan import ScanTimeoutError

    try:
        return len(list_folder(config.path or "", seconds).train)
    except ScanTimeoutError:
        return None


ENTRY = Source(
    title="Folder",
    help="Your own images: a folder for each class, train/ and test/ of those, or a flat folder without labels.",
    load=_load,
    count_train=_count_train,
    path="folder",
    labels="by folder",
)
