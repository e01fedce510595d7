"""On-disk cache of decoded images: written once, then memory-mapped by every process."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import torch

from simsiam_core.config import ConfigError
from simsiam_core.config.cache import cache_dir
from simsiam_core.data.image_set import ImageSet, Splits, Triple
from simsiam_core.data.left_out import LeftOut
from simsiam_core.data.memory import mapped
from simsiam_core.data.pruning import used

Progress = Callable[[float, str], None]  # fraction done 0..1, and a status text

STATISTICS = 1  # part of the file name: increment when the computation changes
_ABANDONED_AFTER = 24 * 3600  # seconds; a partial cache this old was left by a killed process


@dataclass(frozen=True)
class Contents:
    """Metadata of a cache: `train_count` training images come first, then the test images."""

    ids: list[str]
    labels: list[int] | None
    classes: list[str]
    train_count: int
    skipped: list[tuple[str, str]]  # path and reason of each file that could not be decoded


def stored(name: str, image_size: int, write: Callable[[BinaryIO], Contents]) -> Splits:
    """Return the images cached under `name`, memory-mapped; calls `write` on a cache miss.

    `write` writes uint8 pixels, [3, S, S] per image, to a file and returns their metadata. The cache is
    renamed into place when complete, so two processes may write it at the same time: the first to finish
    wins. Raises ConfigError if the cache folder cannot be written or mapped, or the disk is full.
    """
    folder = cache_dir() / "decoded" / name

    def fill(made: Path) -> None:
        with (made / "images.uint8").open("wb") as pixels:
            contents = write(pixels)
        (made / "contents.json").write_text(json.dumps(asdict(contents)), encoding="utf-8")

    def complete(made: Path) -> bool:
        return _complete(made, image_size)

    if not complete(folder):
        try:
            build(folder, complete, fill)
        except OSError as error:
            raise ConfigError.at(
                "data.source",
                f"Decoded images cannot be kept in {cache_dir()} ({error.strerror or error}); "
                "make room there, or set SIMSIAM_CACHE to a folder with more.",
            ) from None
    used(folder)
    contents = _contents(folder)
    try:
        images = mapped(folder / "images.uint8", (len(contents.ids), 3, image_size, image_size))
    except OSError as error:
        raise ConfigError.at(
            "data.source",
            f"The decoded images in {folder} cannot be mapped into memory ({error.strerror or error}); raise the "
            "limit of this process's address space, or take smaller images.",
        ) from None
    cut, labels = contents.train_count, None if contents.labels is None else torch.tensor(contents.labels)
    train, test = (
        ImageSet(
            images[part],
            None if labels is None else labels[part],
            tuple(contents.classes),
            tuple(contents.ids[part]),
        )
        for part in (slice(cut), slice(cut, None))
    )
    return Splits(train, test if len(test) else None, tuple(LeftOut(*one) for one in contents.skipped))


def statistics(
    name: str, limit: int | None, measure: Callable[[], tuple[Triple, Triple]]
) -> tuple[Triple, Triple]:
    """Return the mean and std of `limit` images cached under `name`, measured once and stored with them.

    For images without a cache they are measured on every call.
    """
    path = cache_dir() / "decoded" / name / f"statistics-{STATISTICS}-{limit or 'all'}.json"
    try:
        mean, std = json.loads(path.read_text(encoding="utf-8"))
        return _triple(mean), _triple(std)
    except (OSError, ValueError, TypeError):
        found = measure()
    if path.parent.is_dir():
        with suppress(OSError):  # read-only cache; a truncated file is not valid JSON and is measured again
            path.write_text(json.dumps(found), encoding="utf-8")
    return found


def _triple(values: list[float]) -> Triple:
    red, green, blue = (float(value) for value in values)
    return red, green, blue


def build(folder: Path, complete: Callable[[Path], bool], fill: Callable[[Path], None]) -> None:
    """Make a folder of the cache: filled beside its place and renamed when complete, or not at all.

    `complete` says whether a folder holds what it should. Raises OSError, and whatever `fill` raises.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    for partial in folder.parent.glob("partial-*"):
        if time.time() - partial.stat().st_mtime > _ABANDONED_AFTER:
            shutil.rmtree(partial, ignore_errors=True)
    with tempfile.TemporaryDirectory(
        prefix="partial-", dir=folder.parent, ignore_cleanup_errors=True
    ) as partial_name:
        ready = Path(partial_name) / "ready"
        ready.mkdir()
        fill(ready)
        try:
            ready.rename(folder)
        except OSError:
            if not complete(folder):  # damaged; otherwise another process finished first
                shutil.rmtree(folder)
                ready.rename(folder)


def _contents(folder: Path) -> Contents:
    return Contents(**json.loads((folder / "contents.json").read_text(encoding="utf-8")))


def _complete(folder: Path, image_size: int) -> bool:
    try:
        expected = len(_contents(folder).ids) * 3 * image_size**2
        return (folder / "images.uint8").stat().st_size == expected
    except (OSError, ValueError, TypeError):
        return False
