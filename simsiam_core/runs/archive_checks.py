"""Checks of an archive before anything is unpacked: its names, its links and its size."""

from __future__ import annotations

import os
import shutil
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path

from simsiam_core.names import printable

MANIFEST = "manifest.json"
MOST_MEMBERS = 100_000
MOST_MANIFEST_BYTES = 64 * 2**20
MOST_DEPTH = 8  # folders
MOST_EXPANSION = 200  # times the archive's own size: text shrinks to a tenth, a log of zeros to a thousandth
ALWAYS_TAKEN = 16 * 2**20  # bytes, however small the archive is
ROOM_LEFT = 64 * 2**20  # bytes that stay free on the disk


class ArchiveError(ValueError):
    """An archive that cannot be restored; the message is the reason, as a clause."""


def check_members(
    archive: zipfile.ZipFile, run_id: str, files: set[str], links: Mapping[str, str], note: str
) -> dict[str, zipfile.ZipInfo]:
    """Return the run's members by their path in its folder: exactly the `files` of the manifest.

    Raises ArchiveError for a path that leaves the folder, an entry that is no ordinary file, and a difference
    from the manifest.
    """
    entries = [entry for entry in archive.infolist() if entry.filename not in (note, MANIFEST)]
    if len(entries) > MOST_MEMBERS:
        raise ArchiveError(f"it holds {len(entries):,} files; at most {MOST_MEMBERS:,} are taken")
    found: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        name = _name(entry, run_id)
        if name in found:
            raise ArchiveError(f"it holds {_shown(name)} twice")
        found[name] = entry
    if differing := sorted(found.keys() ^ files):
        raise ArchiveError(f"its manifest does not agree with it about {_shown(differing[0])}")
    if "config.yaml" not in found:
        raise ArchiveError("it holds no run: config.yaml is missing")
    for name, target in links.items():
        parts_of(name)
        if target not in found or name in found:
            raise ArchiveError(f"{_shown(name)} is a link to a file that it does not hold")
    return found


def _name(entry: zipfile.ZipInfo, run_id: str) -> str:
    """Return an entry's path in the run's folder. Raises ArchiveError."""
    folder, _, name = entry.filename.partition("/")
    if folder != run_id:
        raise ArchiveError(f"{_shown(entry.filename)} points outside of the run's folder")
    parts_of(name)
    if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):
        raise ArchiveError(f"{_shown(name)} is a link or no ordinary file")
    return name


def check_room(archive: zipfile.ZipFile, path: Path, folder: Path) -> None:
    """Raise ArchiveError if the declared sizes are out of proportion, or exceed the space on the disk.

    No member yields more than it declares: `zipfile` stops there.
    """
    needed = sum(entry.file_size for entry in archive.infolist())
    if needed > MOST_EXPANSION * path.stat().st_size + ALWAYS_TAKEN:
        raise ArchiveError(f"it would unpack to {needed >> 20:,} MB, far more than was ever archived")
    while not folder.exists():
        folder = folder.parent
    if needed + ROOM_LEFT > (free := shutil.disk_usage(folder).free):
        raise ArchiveError(f"it needs {needed >> 20:,} MB, and {free >> 20:,} MB are free in {folder}")


def is_safe(name: str) -> bool:
    """Return whether a path, with "/" between its parts, is one of a file in a run's folder: not hidden, printable."""
    parts = name.split("/")
    return len(parts) <= MOST_DEPTH and all(
        part
        and not part.startswith(".")
        and "\\" not in part
        and part.isprintable()
        and len(os.fsencode(part)) <= 255
        for part in parts
    )


def parts_of(name: str) -> tuple[str, ...]:
    """Return the folders and the file name of a safe path. Raises ArchiveError for any other."""
    if not is_safe(name):
        raise ArchiveError(f"{_shown(name)} is no path of a file in a run's folder")
    return tuple(name.split("/"))


def _shown(name: str) -> str:
    return repr(printable(name if len(name) <= 80 else f"{name[:79]}…"))
