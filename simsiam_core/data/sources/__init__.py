"""Registry of data sources: one module each, found by its name, with a `Source` in a constant named ENTRY.

Modules import torch only inside functions, so that the terminal and the page can list all sources at startup.
`SOURCES` holds the sources; `data.loading` loads images from any of them.
"""

from __future__ import annotations

import os

from simsiam_core.config.sections.data import FOLDER, source_names
from simsiam_core.data.source import Source
from simsiam_core.registry import Registry

SOURCES: Registry[Source] = Registry("data.sources", Source, "data source")

__all__ = ["SOURCES", "Source", "listed", "source_of_path"]


_SUFFIXES = {".csv": "csv", ".tsv": "csv", ".parquet": "parquet"}


def source_of_path(path: str) -> str:
    """Return the name of the source that reads what lies at a path, by its suffix; else `folder`."""
    return _SUFFIXES.get(os.path.splitext(path)[1].lower(), FOLDER)


def listed() -> dict[str, Source]:
    """Return all sources by name, in display order."""
    return {name: SOURCES.get(name) for name in source_names()}
