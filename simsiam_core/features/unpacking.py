"""A zip of somebody's pictures, unpacked so that nothing in it can harm: names, counts and sizes are checked."""

from __future__ import annotations

import hashlib
import shutil
import stat
import tempfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from simsiam_core.config import ConfigError

if TYPE_CHECKING:
    from simsiam_core.data import Progress

MAX_FILES = 100_000
MAX_FILE_BYTES = 100 * 2**20
MAX_BYTES = 4 * 2**30
_CHUNK = 2**20


def unpack(archive: Path, progress: Progress | None = None) -> str:
    """The folder with the pictures of a zip; unpacked once, then found again by its content.

    Anything but pictures is passed over. Raises ConfigError for what is no zip, holds no picture, names a
    place outside itself, or is too large; sizes are counted while unpacking, not believed.
    """
    from simsiam_core.data import cache_dir
    from simsiam_core.data.pruning import used

    with archive.open("rb") as file:
        name = hashlib.file_digest(file, "sha256").hexdigest()[:24]
    target = cache_dir() / "own" / name
    if target.is_dir():
        used(target)
        return str(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix="partial-", dir=target.parent, ignore_cleanup_errors=True
    ) as partial:
        ready = Path(partial) / "ready"
        ready.mkdir()
        try:
            with zipfile.ZipFile(archive) as opened:
                _extract(opened, ready, progress)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
            reason = "it asks for a password" if "password" in str(error) else "it is damaged, or no zip"
            raise ConfigError.at("bank", f"The file cannot be unpacked: {reason}.") from None
        if not target.is_dir():
            ready.rename(target)
    return str(target)


def _extract(opened: zipfile.ZipFile, ready: Path, progress: Progress | None) -> None:
    from simsiam_core.data.pictures import SUFFIXES

    entries = [entry for entry in opened.infolist() if not entry.is_dir()]
    if len(entries) > MAX_FILES:
        raise ConfigError.at(
            "bank", f"The zip holds {len(entries):,} files; at most {MAX_FILES:,} are taken."
        )
    for entry in entries:
        _check_name(entry)
    pictures = [entry for entry in entries if PurePosixPath(entry.filename).suffix.lower() in SUFFIXES]
    if not pictures:
        raise ConfigError.at("bank", "The zip holds no pictures (.jpg, .png, .webp and others are known).")
    total = 0
    for index, entry in enumerate(pictures):
        if progress is not None:
            progress(index / len(pictures), f"Unpacking: {index:,} of {len(pictures):,}")
        path = ready.joinpath(*PurePosixPath(entry.filename).parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        size = 0
        with opened.open(entry) as source, path.open("wb") as sink:
            while chunk := source.read(_CHUNK):
                size, total = size + len(chunk), total + len(chunk)
                if size > MAX_FILE_BYTES or total > MAX_BYTES:
                    raise ConfigError.at("bank", _too_large(entry.filename, size))
                sink.write(chunk)
    if shutil.disk_usage(ready).free < MAX_FILE_BYTES:
        raise ConfigError.at("bank", "The disk is nearly full; make room before adding pictures.")


def _check_name(entry: zipfile.ZipInfo) -> None:
    path = PurePosixPath(entry.filename)
    link = stat.S_ISLNK(entry.external_attr >> 16)
    if path.is_absolute() or ".." in path.parts or "\\" in entry.filename or ":" in entry.filename or link:
        raise ConfigError.at("bank", f"The zip is refused: {entry.filename[:80]!r} points outside of it.")


def _too_large(name: str, size: int) -> str:
    if size > MAX_FILE_BYTES:
        return f"{name[:80]!r} in the zip is larger than {MAX_FILE_BYTES >> 20} MB."
    return f"The zip holds more than {MAX_BYTES >> 30} GB of pictures."
