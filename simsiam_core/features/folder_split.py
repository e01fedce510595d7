"""The names under which a folder of one's own images can be searched as if it were a split of a run's data."""

from __future__ import annotations

from simsiam_core.names import storable

PREFIX = "folder:"


def folder_split(folder: str) -> str:
    """Return the name of a folder's images among the splits."""
    return PREFIX + storable(folder)


def folder_of(split: str) -> str | None:
    """Return the folder that `folder_split` made this name of, or None for `train` and `test`."""
    return split.removeprefix(PREFIX) if split.startswith(PREFIX) else None
