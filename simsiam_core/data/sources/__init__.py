"""The data sources: one module each, found by its name, with a `Source` in a constant named ENTRY.

A module imports torch inside functions alone, so that the terminal and the page may ask about every source at their
start. Which sources there are is in `SOURCES`; `data.loading` loads the images of any.
"""

from __future__ import annotations

from simsiam_core.config.sections.data import source_names
from simsiam_core.data.source import Source
from simsiam_core.registry import Registry

SOURCES: Registry[Source] = Registry("data.sources", Source, "data source")

__all__ = ["SOURCES", "Source", "listed"]


def listed() -> dict[str, Source]:
    """Return every source by its name, in the order in which people are shown them."""
    return {name: SOURCES.get(name) for name in source_names()}
