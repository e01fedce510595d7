"""Split names for user folders, so that they can be searched like a split of a run's data."""

from __future__ import annotations

from simsiam_core.names import storable

PREFIX = "folder:"


def folder_split(folder: str) -> str:
    """Return the split name of a folder."""
    return PREFIX + storable(folder)


def folder_of(split: str) -> str | None:
    """Return the folder of a name made by `folder_split`, or None for `train` and `test`."""
    return split.removeprefix(PREFIX) if split.startswith(PREFIX) else None
