"""Registries: packages whose modules each define one entry, named after the file.

To add a data source, metric, evaluation, export format, …, add a file to the registry's package. Names are
listed without importing any entry, and an entry module is imported only on request, so registries add no
startup cost. Entry modules import torch and other heavy packages inside functions.
"""

from __future__ import annotations

import importlib
from functools import cached_property
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")
PACKAGE_ROOT = Path(__file__).parent
ATTRIBUTE = "ENTRY"


class UnknownEntryError(ValueError):
    """An unknown entry name; the message is one sentence that lists the known ones."""


def names_in(package: str) -> tuple[str, ...]:
    """Return the sorted names of a registry's entries: its modules, except those starting with an underscore.

    `package` is relative to simsiam_core, such as "data.sources". Nothing is imported, so that the config
    schema can list the entries of packages that depend on it.
    """
    folder = PACKAGE_ROOT.joinpath(*package.split("."))
    return tuple(sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")))


class Registry(Generic[T]):
    """A registry of the entries of one package: each module defines one of type `kind` as ENTRY."""

    def __init__(self, package: str, kind: type[T], noun: str) -> None:
        self._package, self._kind, self._noun = package, kind, noun
        self._entries: dict[str, T] = {}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The sorted names of all entries, without importing any."""
        return names_in(self._package)

    def get(self, name: str) -> T:
        """Import and return an entry by name. Raises UnknownEntryError, or TypeError for a wrong ENTRY."""
        if name not in self.names:
            known = ", ".join(self.names)
            raise UnknownEntryError(f"There is no {self._noun} {name!r}; choose one of {known}.")
        if name not in self._entries:
            module = importlib.import_module(f"simsiam_core.{self._package}.{name}")
            entry = getattr(module, ATTRIBUTE, None)
            if not isinstance(entry, self._kind):
                raise TypeError(f"{module.__name__} must define {ATTRIBUTE}, a {self._kind.__name__}.")
            self._entries[name] = entry
        return self._entries[name]

    def all(self) -> dict[str, T]:
        """Import all entries and return them by name, sorted."""
        return {name: self.get(name) for name in self.names}
