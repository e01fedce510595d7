"""Reading a run's `config.yaml`: cached, truncated files rejected, relative paths resolved."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from simsiam_core.config import Config, parse, read_yaml
from simsiam_core.names import storable
from simsiam_core.runs.files import readable_version_of

# Sections that every version has written in full.
REQUIRED_SECTIONS = frozenset(("data", "model", "optimiser", "training", "knn", "checkpoints"))


def read_config(path: Path) -> Config | str:
    """Return the resolved config of a run, or a sentence saying why it cannot be read."""
    found = _read(path, readable_version_of(path))
    return found if isinstance(found, str) else _with_absolute_path(found, path.parent.parent.parent)


@lru_cache(maxsize=4096)
def _read(path: Path, version: tuple[int, int, int]) -> Config | str:
    """Return the config, or what is wrong with it. Cached: pages read all configs each second; YAML is slow."""
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
    """Return the config with an absolute image folder, where an earlier version stored a relative one.

    The path is resolved against `above`, the parent of the runs folder: the working directory of the command,
    unless it named another runs folder. If there is no such folder the path stays relative, and using the
    images fails.
    """
    if not config.data.unplaced:
        return config
    found = above / (config.data.path or "")
    if not found.is_dir():
        return config
    data = config.data.model_copy(update={"path": storable(str(found))})
    return config.model_copy(update={"data": data})
