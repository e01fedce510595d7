"""Image folder data source: recognises splits and classes from the names of files and folders."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from simsiam_core.config import ConfigError
from simsiam_core.config.cache import cache_dir
from simsiam_core.data.description import FolderDescription
from simsiam_core.data.given_path import given_path
from simsiam_core.data.layout import understand
from simsiam_core.data.left_out import by_reason, listed
from simsiam_core.data.listing import Listing, describe, hold_out
from simsiam_core.data.pruning import used
from simsiam_core.data.scan import NOT_IMAGES, path_of, scan
from simsiam_core.names import printable


def describe_folder(path: str) -> FolderDescription:
    """Return the description of a folder: see `list_folder`."""
    return list_folder(path).description


def list_folder(path: str, seconds: float = math.inf) -> Listing:
    """Sort a folder's images into splits and classes by path only. Raises ConfigError at data.path.

    Layouts: `<class>/…`; `train/<class>/…` with `test/<class>/…`, in any case and spelling
    (`layout.understand`); or no class folders, which means no labels. If labelled images have no test split,
    a tenth of each class is held out as one, deterministically. Raises ScanTimeoutError if scanning takes
    longer than `seconds`.
    """
    root = _root(path)
    found = scan(root, seconds)
    layout = understand([image.id for image in found.images])
    held_out = bool(layout.class_of) and not layout.test
    if held_out:
        layout = hold_out(layout)
    by_content = f"{found.by_content:,} of the files are images by their content, not by their names."
    notes = [by_content] if found.by_content else []
    description = describe(root, layout, held_out, notes, found.left_out)
    if not layout.train:
        raise ConfigError.at("data.path", _nothing(description))
    files = [(image.id, image.size, image.mtime) for image in found.images]

    def encoded(ids: Sequence[str]) -> Iterator[Path]:
        return (path_of(root, image_id) for image_id in ids)

    return Listing(root, layout.train, layout.test, layout.class_of, files, description, encoded)


def _root(path: str) -> Path:
    root = given_path(path, "folder")
    if not root.is_dir():
        raise ConfigError.at(
            "data.path", f"{printable(str(root))} is a file; give the folder that holds the images."
        )
    if root.parent == cache_dir() / "own":  # an unpacked zip, which is kept as long as something reads it
        used(root)
    return root


def _nothing(description: FolderDescription) -> str:
    groups = by_reason(description.left_out)
    reasons = [f"{reason} ({count:,})" for reason, count, _ in groups if reason != NOT_IMAGES]
    left_out = f" Left out: {listed(reasons)}." if reasons else ""
    return (
        f"{description.folder} holds no images to train on (.jpg, .png, .webp and others are read).{left_out}"
    )
