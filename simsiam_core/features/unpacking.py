"""Safe unpacking of uploaded zip archives of images: names, counts and sizes are checked."""

from __future__ import annotations

import errno
import hashlib
import json
import lzma
import re
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from simsiam_core.config import ConfigError
from simsiam_core.names import UNPACKING_RECORD

if TYPE_CHECKING:
    from simsiam_core.data import Progress

MAX_FILES = 100_000
MAX_FILE_BYTES = 100 * 2**20
MAX_BYTES = 4 * 2**30
MAX_DEPTH = 32  # nested folders
NAMED = 5  # skipped files listed by name in a message
_CHUNK = 2**20
_UTF8_NAME = 0x800
_ENCRYPTED = 0x1
# File system errors for names that cannot be stored, or that are taken.
_NAME_ERRORS = {
    errno.ENAMETOOLONG: "its name is too long to be stored here",
    errno.EILSEQ: "its name cannot be stored here",
    errno.EINVAL: "its name cannot be stored here",
    errno.EEXIST: "another file has the same name here",
}
_DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError)


@dataclass(frozen=True)
class Unpacked:
    """An unpacked zip: a folder of images; `skipped` holds "name: reason" for every file left out."""

    name: str  # of the zip
    folder: str
    images: int
    skipped: tuple[str, ...]

    def __str__(self) -> str:
        """Return `38 images unpacked; 2 files left out: notes.txt (it is no image), …`."""
        counted = f"{self.images:,} image{'s' if self.images != 1 else ''} unpacked"
        return f"{counted}; {left_out(self.skipped)}." if self.skipped else f"{counted}."


class _LeftOutError(Exception):
    """A file of the zip that cannot be unpacked; the message is the reason."""


def unpack(archive: Path, progress: Progress | None = None) -> Unpacked:
    """Unpack the images of a zip into the cache, keyed by content, so that each zip is unpacked once.

    Files that are not images, are damaged or encrypted, or have names that cannot be stored are skipped and
    listed. Raises ConfigError at `bank` for a file that is not a zip, contains no image, has paths outside
    the archive, or is too large; sizes are counted while unpacking, since declared sizes cannot be trusted.
    """
    from simsiam_core.data import cache_dir
    from simsiam_core.data.pruning import used

    with archive.open("rb") as file:
        name = hashlib.file_digest(file, "sha256").hexdigest()[:24]
    target = cache_dir() / "own" / name
    if target.is_dir():
        used(target)
        return recorded(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix="partial-", dir=target.parent, ignore_cleanup_errors=True
        ) as partial:
            ready = Path(partial) / "ready"
            ready.mkdir()
            _extract(archive, ready, progress)
            if not target.is_dir():
                ready.rename(target)
    except OSError as error:
        raise _refused(f"it cannot be unpacked here ({error.strerror or type(error).__name__})") from None
    return recorded(target)


def recorded(folder: Path) -> Unpacked:
    """Return the record that `unpack` wrote with this folder."""
    try:
        record = json.loads((folder / UNPACKING_RECORD).read_text(encoding="utf-8"))
        skipped = tuple(str(entry) for entry in record["skipped"])
        return Unpacked(str(record["name"]), str(folder), int(record["pictures"]), skipped)
    except (OSError, ValueError, KeyError, TypeError):  # unpacked by a version that wrote no record
        return Unpacked(folder.name[:6], str(folder), sum(path.is_file() for path in folder.rglob("*")), ())


def left_out(skipped: tuple[str, ...] | list[str]) -> str:
    """Return a phrase with the number of skipped files, and the first of them with reasons."""
    shown = [
        f"{name} ({reason})" for name, _, reason in (entry.rpartition(": ") for entry in skipped[:NAMED])
    ]
    more = f" and {len(skipped) - NAMED:,} more" if len(skipped) > NAMED else ""
    return f"{len(skipped):,} file{'s' if len(skipped) != 1 else ''} left out: {', '.join(shown)}{more}"


def _refused(reason: str) -> ConfigError:
    return ConfigError.at("bank", f"The zip is refused: {reason}.")


def _extract(archive: Path, ready: Path, progress: Progress | None) -> None:
    """Write the images of the zip under `ready`, and the record of skipped files."""
    try:
        opened = zipfile.ZipFile(archive)
    except (*_DAMAGED, NotImplementedError) as error:
        several = "it is one part of several; join them first"
        reason = several if "multiple disks" in str(error) else "it is damaged or incomplete, or no zip"
        raise _refused(reason) from None
    with opened:
        entries = [entry for entry in opened.infolist() if not entry.is_dir()]
        if len(entries) > MAX_FILES:
            raise _refused(f"it holds {len(entries):,} files; at most {MAX_FILES:,} are taken")
        images, skipped = _chosen(entries)
        total, kept = 0, 0
        for index, (path, entry) in enumerate(images.items()):
            if progress is not None:
                progress(index / len(images), f"Unpacking: {index:,} of {len(images):,}")
            try:
                total += _write(opened, entry, ready / path, MAX_BYTES - total)
                kept += 1
            except _LeftOutError as error:
                skipped.append(f"{_shown(str(path))}: {error}")
    if not kept:
        why = f"; {left_out(skipped)}" if skipped else ""
        raise _refused(f"it holds no images that can be read{why}")
    if shutil.disk_usage(ready).free < MAX_FILE_BYTES:
        raise _refused("the disk is nearly full; make room before adding images")
    record = {"name": archive.name, "pictures": kept, "skipped": skipped}
    (ready / UNPACKING_RECORD).write_text(json.dumps(record), encoding="utf-8")


def _chosen(entries: list[zipfile.ZipInfo]) -> tuple[dict[PurePosixPath, zipfile.ZipInfo], list[str]]:
    """Return the entries to unpack by path, and "name: reason" for the others. Raises ConfigError.

    Of several entries with the same name the last is used: zip files are updated by appending entries.
    """
    found: dict[PurePosixPath, zipfile.ZipInfo] = {}
    skipped = []
    for entry in entries:
        path = PurePosixPath(_name(entry))
        reason = "a later file in the zip has the same name" if path in found else None
        try:
            _check(path, entry)
        except _LeftOutError as error:
            skipped.append(f"{_shown(str(path))}: {error}")
            continue
        if reason:
            skipped.append(f"{_shown(str(path))}: {reason}")
        found[path] = entry
    folders = {parent for path in found for parent in path.parents}
    for path in [path for path in found if path in folders]:
        del found[path]
        skipped.append(f"{_shown(str(path))}: the zip also has a folder of that name")
    return found, skipped


def _name(entry: zipfile.ZipInfo) -> str:
    """Return the path of an entry with "/" separators; some programs write backslashes.

    A name not flagged as UTF-8 was decoded as CP437, as the format specifies; but unflagged UTF-8 is more
    common today, and real CP437 names rarely decode as UTF-8 by chance.
    """
    name = entry.filename
    if not entry.flag_bits & _UTF8_NAME:
        with suppress(UnicodeError):  # the name is in CP437
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")


def _check(path: PurePosixPath, entry: zipfile.ZipInfo) -> None:
    """Check an entry. Raises ConfigError for a path outside the zip, _LeftOutError if it is to be skipped."""
    from simsiam_core.data.image_file import SUFFIXES

    if path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:(/|$)", str(path)):
        raise _refused(f"{_shown(str(path))!r} points outside of it")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        link = stat.S_ISLNK(entry.external_attr >> 16)
        raise _LeftOutError("links are not followed" if link else "it is no ordinary file")
    if any(part.startswith((".", "__MACOSX")) for part in path.parts):
        raise _LeftOutError("it is a hidden file")
    if path.suffix.lower() == ".zip":
        raise _LeftOutError("it is a zip inside the zip; unpack it first")
    if path.suffix.lower() not in SUFFIXES:
        raise _LeftOutError("it is no image of a known kind")
    if len(path.parts) > MAX_DEPTH:
        raise _LeftOutError(f"it lies more than {MAX_DEPTH} folders deep")
    if entry.flag_bits & _ENCRYPTED:
        raise _LeftOutError("it asks for a password")


def _write(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path, room: int) -> int:
    """Unpack one entry; returns its size in bytes. Raises ConfigError if it exceeds the limit or `room`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sink = path.open("xb")
    except OSError as error:
        if error.errno in _NAME_ERRORS:
            raise _LeftOutError(_NAME_ERRORS[error.errno]) from None
        raise
    except ValueError:
        raise _LeftOutError("its name cannot be stored here") from None
    size = 0
    try:
        with sink:
            for chunk in _content(opened, entry):
                size += len(chunk)
                if size > MAX_FILE_BYTES:
                    name = _shown(entry.filename)
                    raise _refused(f"{name!r} in it is larger than {MAX_FILE_BYTES >> 20} MB")
                if size > room:
                    raise _refused(f"it holds more than {MAX_BYTES >> 30} GB of images")
                sink.write(chunk)
    except _LeftOutError:
        path.unlink()
        raise
    return size


def _content(opened: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield an entry's bytes in chunks. Catches errors of the zip here, but not of writing to disk."""
    try:
        with opened.open(entry) as source:
            while chunk := source.read(_CHUNK):
                yield chunk
    except NotImplementedError:
        raise _LeftOutError("it is packed in a way that is not known here; pack it as plain zip") from None
    except (*_DAMAGED, RuntimeError, MemoryError) as error:
        asks = "password" in str(error)
        raise _LeftOutError("it asks for a password" if asks else "it is damaged") from None


def _shown(name: str) -> str:
    return name if len(name) <= 80 else f"{name[:79]}…"
