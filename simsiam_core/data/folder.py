"""A folder of one's own pictures as a source: its layout, its files, and decoding them once."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import torch

from simsiam_core.config import ConfigError
from simsiam_core.data.cache import Contents, Progress, stored
from simsiam_core.data.image_set import Splits, stratified
from simsiam_core.data.pictures import SUFFIXES, PictureError, read_picture

HELD_OUT = 0.1  # share of a labelled folder without test pictures that becomes its test split
_BLOCK = 512  # pictures decoded between two progress reports


@dataclass(frozen=True)
class Listing:
    """The pictures of a folder before any is decoded; paths are relative, with forward slashes."""

    root: Path
    depth: int  # 1 when the classes lie below train/ and test/, else 0
    train: list[str]
    test: list[str]
    classes: list[str]  # empty: no labels
    skipped: list[str]  # "path: reason"
    files: list[tuple[str, int, int]]  # path, bytes, mtime in ns: what the cache is valid for

    def class_of(self, path: str) -> str:
        """Name of the class: the folder below the root, or below train/ or test/."""
        return path.split("/")[self.depth]


def list_folder(path: str) -> Listing:
    """Sort a folder's pictures into splits and classes, by name alone. Raises ConfigError at data.path.

    Layouts: `train/<class>/…` with `test/<class>/…` (or `val/`); `<class>/…`; or pictures with no class
    folders, which have no labels. Fewer than two classes count as none. Labelled pictures without a test split
    give up a tenth of each class for one, always the same pictures. Hidden files, and links that lead out of
    the folder, are left out.
    """
    root = Path(path).expanduser()
    if not root.exists():
        raise ConfigError.at(
            "data.path", f"There is no folder {root}; bring it back, or give one that exists."
        )
    if not root.is_dir():
        raise ConfigError.at("data.path", f"{root} is a file; give the folder that holds the pictures.")
    root, skipped = root.resolve(), list[str]()
    files = [
        (entry.path[len(str(root)) :].lstrip(os.sep).replace(os.sep, "/"), entry.stat())
        for entry in _walk(root, root, skipped)
    ]
    paths = [name for name, _ in files]
    train, test = paths, list[str]()
    if inside := [p for p in paths if p.startswith("train/")]:
        train = inside
        test = [p for p in paths if p.startswith("test/")] or [p for p in paths if p.startswith("val/")]
    depth = 1 if inside else 0
    classes = sorted({p.split("/")[depth] for p in train + test if p.count("/") > depth})
    if len(classes) < 2:
        classes = []
    else:
        loose = [p for p in train + test if p.count("/") <= depth]
        skipped += [f"{p}: it lies beside the class folders and so has no class" for p in loose]
        train, test = ([p for p in part if p.count("/") > depth] for part in (train, test))
    if not train:
        kinds = ", ".join(sorted(SUFFIXES))
        raise ConfigError.at("data.path", f"{root} holds no pictures to train on ({kinds}).")
    stamps = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in files]
    listing = Listing(root, depth, train, test, classes, skipped, stamps)
    return _hold_out(listing) if classes and not test else listing


def _walk(folder: Path, root: Path, skipped: list[str]) -> Iterator[os.DirEntry[str]]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        skipped.append(f"{folder.relative_to(root).as_posix()}: {error.strerror}")
        return
    for entry in entries:
        if entry.name.startswith((".", "__MACOSX")):
            continue
        path = Path(entry.path)
        if entry.is_symlink() and not path.resolve().is_relative_to(root):
            skipped.append(f"{path.relative_to(root).as_posix()}: it is a link that leads out of the folder")
        elif entry.is_dir(follow_symlinks=False):
            yield from _walk(path, root, skipped)
        elif path.suffix.lower() in SUFFIXES and entry.is_file():
            yield entry


def _hold_out(listing: Listing) -> Listing:
    labels = torch.tensor([listing.classes.index(listing.class_of(p)) for p in listing.train])
    chosen = set(stratified(labels, round(HELD_OUT * len(labels))).tolist())
    train = [p for i, p in enumerate(listing.train) if i not in chosen]
    test = [p for i, p in enumerate(listing.train) if i in chosen]
    return replace(listing, train=train, test=test)


def load_folder(path: str, image_size: int, progress: Progress) -> tuple[Splits, str]:
    """Decode a folder, or map what was decoded before; also the name of its cache, which identifies it.

    Ids are relative paths. Pictures that cannot be read are skipped and named. Raises ConfigError at
    data.path when there is nothing to train on.
    """
    listing = list_folder(path)
    identity = json.dumps([1, str(listing.root), image_size, listing.files, listing.skipped])
    name = "folder-" + hashlib.sha256(identity.encode()).hexdigest()[:24]
    return stored(name, image_size, lambda pixels: _decode(listing, image_size, pixels, progress)), name


def _decode(listing: Listing, image_size: int, pixels: BinaryIO, progress: Progress) -> Contents:
    def attempt(path: str) -> bytes | PictureError:
        try:
            return read_picture(listing.root / path, image_size).numpy().tobytes()
        except PictureError as error:
            return error

    paths, kept, skipped, train_count = listing.train + listing.test, list[str](), list(listing.skipped), 0
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:  # Pillow decodes without holding the GIL
        for start in range(0, len(paths), _BLOCK):
            progress(start / len(paths), f"Decoding pictures: {start:,} of {len(paths):,}")
            block = paths[start : start + _BLOCK]
            for offset, (path, picture) in enumerate(zip(block, pool.map(attempt, block), strict=True)):
                if isinstance(picture, PictureError):
                    skipped.append(f"{path}: {picture}")
                    continue
                pixels.write(picture)
                kept.append(path)
                train_count += start + offset < len(listing.train)
    if not train_count:
        unread = f"None of the {len(listing.train):,} training pictures in {listing.root} can be read."
        raise ConfigError.at("data.path", f"{unread} The first is {skipped[len(listing.skipped)]}")
    position = {name: label for label, name in enumerate(listing.classes)}
    labels = [position[listing.class_of(path)] for path in kept] if listing.classes else None
    return Contents(kept, labels, listing.classes, train_count, skipped)
