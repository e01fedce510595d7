"""The `Source` interface of data sources: metadata, requirements and load functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from simsiam_core.config import DataConfig
    from simsiam_core.data.cache import Progress
    from simsiam_core.data.image_set import Splits
    from simsiam_core.data.listing import Listing


@dataclass(frozen=True)
class Source:
    """A data source. Its functions import torch and other heavy packages only when called."""

    title: str
    help: str  # one-line description of its images
    # Returns the images, before the config's limits are applied, and a name that is equal for equal images.
    # Raises ConfigError at data.source or data.path.
    load: Callable[[DataConfig, Progress], tuple[Splits, str]]
    # Returns the number of training images without decoding or downloading any; None if that takes longer
    # than the given seconds. Raises ConfigError at data.path.
    count_train: Callable[[DataConfig, float], int | None]
    # Lists the images at a path without decoding any; after the given seconds it raises ScanTimeoutError.
    # Raises ConfigError at data.path. None: the source has no path.
    list_images: Callable[[str, float], Listing] | None = None
    path: Literal["", "folder", "file"] = ""  # what data.path must point to; "": not used
    download: str = ""  # download size on first use, such as "170 MB"; "": nothing
    generated: bool = False  # generated on the fly: nothing is downloaded, decoded or cached on disk
    classes: int | None = None  # of its labels; None: depends on the images
    test_count: int | None = None  # test images; None: depends on the images
    labels: Literal["yes", "no", "by folder", "by column"] = "yes"

    @property
    def needs_path(self) -> bool:
        """Whether data.path is required. Images there may change; those of other sources never do."""
        return self.path != ""
