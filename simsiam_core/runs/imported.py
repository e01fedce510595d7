"""Runs whose network another program trained: where it is from, in `imported.json`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from simsiam_core.runs.files import write_text
from simsiam_core.runs.json_files import DamagedFileError, dumps, read_json

IMPORTED = "imported.json"


def is_imported(folder: Path) -> bool:
    """Return whether the network in a run's folder was trained by another program."""
    return (folder / IMPORTED).is_file()


def write_import(folder: Path, understood: Mapping[str, Any]) -> None:
    """Write from which files a network is and how they were understood. Raises OSError."""
    write_text(folder / IMPORTED, dumps(understood, indent=1))


class ImportedFile(NamedTuple):
    """A file that a run was imported from: its name, without its folder, and its SHA-256."""

    name: str
    sha256: str


def imported_files(folder: Path) -> tuple[ImportedFile, ...]:
    """Return the files that a run was imported from; none for other runs and damaged records."""
    try:
        files = read_json(folder / IMPORTED)["files"]
        return tuple(ImportedFile(str(file["name"]), str(file["sha256"])) for file in files)
    except (DamagedFileError, KeyError, TypeError):
        return ()
