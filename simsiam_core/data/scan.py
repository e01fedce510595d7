"""Recursive scan of a folder for images, with a reason for every file left out."""

from __future__ import annotations

import errno
import math
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from simsiam_core.data import formats
from simsiam_core.data.left_out import LeftOut
from simsiam_core.names import UNPACKING_RECORD, original, printable

# System folders of macOS, Synology, QNAP, Windows and Linux.
_SYSTEM_FOLDERS = {"__macosx", "@eadir", "#recycle", "@__thumb", "$recycle.bin", "recycler", "lost+found"}
_SYSTEM_FOLDERS |= {"system volume information"}
_SYSTEM_FILES = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", ".ds_store"}
_ALL_MAY_READ = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH
NOT_IMAGES = "not an image"


class ScanTimeoutError(Exception):
    """A scan that exceeded its time limit because of too many files."""


class ImageFile(NamedTuple):
    """An image to read. `id` is its printable path from the root, with forward slashes; `mtime` in ns."""

    id: str
    size: int
    mtime: int


@dataclass
class Scan:
    """The result of a scan of `root`; images are sorted by name within each folder."""

    root: Path
    images: list[ImageFile] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    by_content: int = 0  # of these images, the ones recognised by content instead of by suffix

    def leave_out(self, path: str, reason: str) -> None:
        """Record a file or folder that is not used."""
        self.left_out.append(LeftOut(path, reason))


def scan(root: Path, seconds: float = math.inf) -> Scan:
    """Scan an existing folder recursively, without following links to folders or decoding files.

    Folders and files that cannot be accessed are left out, with the system's reason. Raises ScanTimeoutError
    after `seconds`.
    """
    deadline = time.monotonic() + seconds
    found = Scan(root)
    # Link targets are compared with this path, since `root` itself may be reached through a link.
    real_root = os.path.join(os.path.realpath(root), "")
    waiting: list[Iterator[os.DirEntry[str]]] = [_entries(root, "", found)]
    prefixes = [""]
    while waiting:
        entry = next(waiting[-1], None)
        if entry is None:
            waiting.pop()
            prefixes.pop()
            continue
        path = prefixes[-1] + printable(entry.name)
        if _enter(entry, path, found, real_root):
            if time.monotonic() > deadline:
                raise ScanTimeoutError
            waiting.append(_entries(Path(entry.path), path, found))
            prefixes.append(path + "/")
    return found


def _entries(folder: Path, path: str, found: Scan) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return iter(sorted(entries, key=lambda entry: entry.name))
    except OSError as error:
        found.leave_out(f"{path or '.'}/", f"a folder that cannot be read: {error.strerror or error}")
        return iter(())


def _enter(entry: os.DirEntry[str], path: str, found: Scan, real_root: str) -> bool:
    """Record one entry; returns True for a folder to scan."""
    try:
        if entry.is_symlink() and (reason := _link_problem(entry, real_root)):
            found.leave_out(path, reason)
        elif entry.is_dir(follow_symlinks=False):
            reason = _folder_problem(entry.name)
            if reason:
                found.leave_out(path + "/", reason)
            return reason is None
        else:
            _file(entry, path, found)
    except OSError as error:
        found.leave_out(path, f"a file that cannot be looked at: {error.strerror or error}")
    return False


def _link_problem(entry: os.DirEntry[str], real_root: str) -> str | None:
    target = os.path.realpath(entry.path)
    try:
        kind = os.stat(entry.path).st_mode
    except OSError as error:
        return (
            "a link that leads back to itself"
            if error.errno == errno.ELOOP
            else "a link to a file that is not there"
        )
    if stat.S_ISDIR(kind):
        return "a link to a folder; it is not followed"
    if not target.startswith(real_root):
        return "a link that leads out of the folder; it is not followed"
    return None


def _folder_problem(name: str) -> str | None:
    if name.casefold() in _SYSTEM_FOLDERS:
        return "a folder of the operating system"
    return "a hidden folder" if name.startswith(".") else None


def _file(entry: os.DirEntry[str], path: str, found: Scan) -> None:
    name = entry.name.lower()
    suffix = name[name.rfind(".") :] if "." in name else ""
    if name == UNPACKING_RECORD:  # what was left out of a zip is said where it is unpacked
        return None
    if name in _SYSTEM_FILES or name.startswith("._"):
        return found.leave_out(path, "a file of the operating system")
    if name.startswith("."):
        return found.leave_out(path, "a hidden file")
    status = entry.stat()
    if not stat.S_ISREG(status.st_mode):
        return found.leave_out(path, "a pipe, socket or device")
    if suffix not in formats.SUFFIXES:
        if (reason := _not_read(entry.path, name, suffix)) is not None:
            return found.leave_out(path, reason)
        found.by_content += 1
    if status.st_size == 0:
        return found.leave_out(path, "an empty file")
    if status.st_mode & _ALL_MAY_READ != _ALL_MAY_READ and not os.access(entry.path, os.R_OK):
        return found.leave_out(path, "a file that may not be read (permission denied)")
    found.images.append(ImageFile(path, status.st_size, status.st_mtime_ns))
    return None


def _not_read(path: str, name: str, suffix: str) -> str | None:
    """Return why a file with an unsupported suffix is left out; None if its content is an image after all."""
    if (advice := formats.advice(suffix)) is not None:
        return advice
    if formats.is_other_kind(suffix):
        return NOT_IMAGES
    with open(path, "rb") as file:
        format = formats.format_by_content(file.read(formats.MARK_BYTES))
    if format is None:
        return NOT_IMAGES
    if name.endswith("~") or suffix in formats.UNFINISHED:
        return "a backup or an unfinished download, by its name"
    return None if format in formats.FORMATS else formats.advice_for(format)


def path_of(root: Path, image_id: str) -> Path:
    """Return the path of the image with the given id."""
    return root / original(image_id)
