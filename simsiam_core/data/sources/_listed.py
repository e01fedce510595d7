"""Shared code of the user's own images, which are listed without decoding and then decoded into the cache."""

from __future__ import annotations

import importlib
import math
from typing import TYPE_CHECKING, Literal

from simsiam_core.data.source import Source

if TYPE_CHECKING:
    from simsiam_core.config import DataConfig
    from simsiam_core.data.cache import Progress
    from simsiam_core.data.image_set import Splits
    from simsiam_core.data.listing import Listing


def listed_source(
    name: str,
    module: str,
    function: str,
    *,
    title: str,
    help: str,
    path: Literal["folder", "file"],
    labels: Literal["by folder", "by column"],
) -> Source:
    """Build the source `name` from a `function` of a `module` that lists the images at a path.

    The function takes the path and a time limit in seconds, after which it raises ScanTimeoutError.
    """

    def list_images(where: str, seconds: float) -> Listing:
        return getattr(importlib.import_module(module), function)(where, seconds)

    def load(config: DataConfig, progress: Progress) -> tuple[Splits, str]:
        from simsiam_core.data.listing import load_listing

        return load_listing(name, list_images(config.path or "", math.inf), config.image_size, progress)

    def count_train(config: DataConfig, seconds: float) -> int | None:
        """Count the images listed, including damaged ones; None on timeout."""
        from simsiam_core.data.scan import ScanTimeoutError

        try:
            return len(list_images(config.path or "", seconds).train)
        except ScanTimeoutError:
            return None

    return Source(
        title=title,
        help=help,
        load=load,
        count_train=count_train,
        list_images=list_images,
        path=path,
        labels=labels,
    )
