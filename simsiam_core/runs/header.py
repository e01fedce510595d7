"""What a checkpoint says of itself, read without torch and without its weights.

A checkpoint is a zip archive: one small pickle that describes everything, and a member for each tensor. Only the
pickle is read here, by a reader that makes nothing but plain values: whatever else it names becomes a `_Skipped`.
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

RECIPE = "simsiam"  # the key under which a checkpoint keeps what rebuilds it


@dataclass(frozen=True, eq=False)
class Header:
    """How far training had come, and the recipe that the checkpoint carries."""

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
    except Exception:  # a damaged pickle raises whatever its bytes happen to spell
        return None


class _Skipped:
    """Stands for a tensor, or whatever else is no plain value."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, _: Any) -> None:
        pass


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return OrderedDict if (module, name) == ("collections", "OrderedDict") else _Skipped

    def persistent_load(self, _: Any) -> Any:
        return None
