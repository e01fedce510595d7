"""Checkpoint headers, read without torch and without loading the weights.

A checkpoint is a zip archive with one small pickle that describes everything and a member per tensor. Only
the pickle is read, by an unpickler that creates only plain values: all other objects become a `_Skipped`.
"""

from __future__ import annotations

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

RECIPE = "simsiam"  # the checkpoint key of the data needed to rebuild the model


@dataclass(frozen=True, eq=False)
class Header:
    """The training progress and the recipe stored in a checkpoint."""

    step: int
    epoch: int  # complete epochs
    recipe: Mapping[str, Any]


def read_header(path: Path) -> Header | None:
    """Return the header of a checkpoint file, or None if it is missing, damaged or not one of ours."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return _read(path, (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))


@lru_cache(maxsize=256)
def _read(path: Path, _version: tuple[int, ...]) -> Header | None:
    try:
        with zipfile.ZipFile(path) as archive:
            name = next(name for name in archive.namelist() if name.endswith("data.pkl"))
            with archive.open(name) as file:
                content = _Reader(file).load()
        recipe = content[RECIPE]
        return Header(int(content["global_step"]), int(recipe["epochs_done"]), recipe)
    except Exception:  # a damaged pickle may raise any exception
        return None


class _Skipped:
    """A placeholder for tensors and other objects that are not plain values."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, _: Any) -> None:
        pass


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return OrderedDict if (module, name) == ("collections", "OrderedDict") else _Skipped

    def persistent_load(self, _: Any) -> Any:
        return None
