"""What a data source is: where images come from, what it needs, and how it is loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from simsiam_core.config import DataConfig
    from simsiam_core.data.cache import Progress
    from simsiam_core.data.image_set import Splits


@dataclass(frozen=True)
class Source:
    """One data source. Its functions import torch and other heavy packages themselves, when they are called."""

    title: str
    help: str  # what its images are, in a line
    # The images and a name that is equal for equal images, before the limits of the config are applied. Raises
    # ConfigError at data.source or data.path.
    load: Callable[[DataConfig, Progress], tuple[Splits, str]]
    # How many training images there are, without decoding or downloading any; None when that takes longer than the
    # given seconds. Raises ConfigError at data.path.
    count_train: Callable[[DataConfig, float], int | None]
    path: Literal["", "folder", "file"] = ""  # what data.path must name; "": nothing
    download: str = ""  # how much is downloaded on first use, such as "170 MB"; "": nothing
    generated: bool = False  # drawn by the program at once: nothing is fetched, decoded or kept on disk
    labels: Literal["yes", "no", "by folder"] = "yes"

    @property
    def needs_path(self) -> bool:
        """Whether data.path must be given. Images there may change; those of other sources never do."""
        return self.path != ""
