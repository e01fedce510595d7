"""Settings of the images: their source, their size, and how many of them are used."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationInfo, field_validator, model_validator

from simsiam_core.config.paths import absolute_path
from simsiam_core.config.section import AS_STORED, Section, setting
from simsiam_core.names import storable
from simsiam_core.registry import names_in

LARGEST_STORED = 2048  # px
DEFAULT_SOURCE, FOLDER = "textures", "folder"
OWN_IMAGES = ("csv", "parquet", FOLDER)  # the user's own images, listed last


def source_names() -> tuple[str, ...]:
    """Return the names of all data sources in display order: the default first, the user's own images last.

    They are the modules of `simsiam_core/data/sources/`, which depends on the schema and is not imported
    here.
    """
    return tuple(
        sorted(
            names_in("data.sources"),
            key=lambda name: (
                OWN_IMAGES.index(name) if name in OWN_IMAGES else -1,
                name != DEFAULT_SOURCE,
                name,
            ),
        )
    )


def path_missing(source: str) -> str:
    """Return the message for a source that needs a path and has none."""
    needed = "the folder of images" if source == FOLDER else "the path of its images"
    return f"Folder or file is empty; the source {source!r} needs {needed}."


if TYPE_CHECKING:
    SourceName = str
else:
    SourceName = Literal[source_names()]


class DataConfig(Section, title="Images"):
    source: SourceName = setting(
        DEFAULT_SOURCE, "Source", "Where images come from. Textures are generated here and need no download."
    )
    path: str | None = setting(
        None,
        "Folder or file",
        "Where your own images are: a folder of <class>/*.jpg, train/ and test/ of those, or flat; a CSV with "
        "the columns path and label; a parquet file or a folder of them. "
        "A relative path counts from the folder in which the program was started.",
    )
    image_size: int = setting(
        32, "Image size", "Side of the square the network sees.", unit="px", ge=8, le=512
    )
    stored_size: int | None = setting(
        None,
        "Stored size",
        "Shorter side at which your own training images are kept to cut crops from, at most their own. Empty: what "
        "the smallest crop needs. The same as Image size: crops of the small squares, and no larger copy on the disk.",
        unit="px",
        ge=8,
        le=LARGEST_STORED,
        advanced=True,
    )
    train_limit: int | None = setting(
        None,
        "Training images used",
        "Take this many, stratified over classes. Empty means all.",
        ge=2,
        advanced=True,
    )
    test_limit: int | None = setting(
        None,
        "Test images used",
        "Take this many, stratified over classes. Empty means all.",
        ge=1,
        advanced=True,
    )

    @field_validator("path", mode="before")
    @classmethod
    def _path_is_absolute_and_storable(cls, path: Any, info: ValidationInfo) -> Any:
        if not isinstance(path, str) or not path:
            return path
        return storable(os.path.expanduser(path) if info.context == AS_STORED else absolute_path(path))

    @property
    def unplaced(self) -> str:
        """Message about a relative path, which version 0.1 may have stored for a folder; otherwise empty."""
        if self.source != FOLDER or not self.path or os.path.isabs(self.path):
            return ""
        return (
            f"The folder of this run, {self.path}, is relative and does not lie beside the folder of runs; write its "
            "full path as data.path into the run's config.yaml."
        )

    @model_validator(mode="before")
    @classmethod
    def _earlier_runs_had_squares_alone(cls, values: Any, info: ValidationInfo) -> Any:
        if info.context != AS_STORED or not isinstance(values, dict) or "stored_size" in values:
            return values
        return {**values, "stored_size": values.get("image_size", cls.model_fields["image_size"].default)}

    @model_validator(mode="after")
    def _stored_size_is_no_smaller(self) -> DataConfig:
        if self.stored_size is not None and self.stored_size < self.image_size:
            raise ValueError(
                f"data.stored_size: Stored size is {self.stored_size} px; it must be at least Image size, "
                f"{self.image_size} px, or empty."
            )
        return self

    @model_validator(mode="after")
    def _folder_needs_a_path(self) -> DataConfig:
        # For other sources, `data.loading` checks the entry in data/sources.
        if self.source == FOLDER and not self.path:
            raise ValueError(f"data.path: {path_missing(FOLDER)}")
        return self
