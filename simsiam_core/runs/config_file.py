"""`config.yaml` of a run: read with a cache, refused when cut short, its relative paths resolved."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from simsiam_core.config import Config, parse, read_yaml
from simsiam_core.names import storable
from simsiam_core.runs.files import changed_at, version_of

# Sections that every version has written, whole.
REQUIRED_SECTIONS = frozenset(("data", "model", "optimiser", "training", "knn", "checkpoints"))


def read_config(path: Path) -> Config | str:
    """Return the resolved config of a run, or a sentence that says why it cannot be read."""
    found = _read(path, version_of(path), changed_at(path))
    return found if isinstance(found, str) else _with_absolute_path(found, path.parent.parent.parent)


@lru_cache(maxsize=4096)
def _read(path: Path, version: tuple[int, int], changed: int) -> Config | str:
    """Return the config, or what is wrong with it. Pages ask for every run's every second, and YAML is slow to read."""
    try:
        values = read_yaml(path)
        if not REQUIRED_SECTIONS.issubset(values) or not path.read_bytes().endswith(b"\n"):
            return (
                f"{path.name} is cut short, and defaults must not take the place of what it no longer says."
            )
        return parse(values, stored=True)
    except (OSError, ValueError, TypeError, RecursionError) as error:  # a damaged file may cause any of them
        return str(error)


def _with_absolute_path(config: Config, above: Path) -> Config:
    """Return a config whose folder of images is relative, as earlier versions stored it, with the whole path.

    It counts from `above`, the folder that holds the runs folder: where commands were typed, unless they named another
    runs folder. If it does not lie there it stays relative, and whoever needs the images is told.
    """
    if not config.data.unplaced:
        return config
    found = above / (config.data.path or "")
    if not found.is_dir():
        return config
    data = config.data.model_copy(update={"path": storable(str(found))})
    return config.model_copy(update={"data": data})
