"""Image folder data source: recognises the layout from file names, then decodes into the cache."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import torch

from simsiam_core.config import ConfigError
from simsiam_core.data.cache import Contents, Progress, stored
from simsiam_core.data.description import ClassCount, FolderDescription
from simsiam_core.data.image_file import ImageError, read_image
from simsiam_core.data.image_set import Splits, stratified
from simsiam_core.data.layout import Layout, understand
from simsiam_core.data.left_out import LeftOut, by_reason, listed
from simsiam_core.data.scan import NOT_IMAGES, Scan, path_of, scan
from simsiam_core.names import located, printable

HELD_OUT = 0.1  # share held out as the test split of a labelled folder without test images
_BLOCK = 512  # images decoded between two progress reports


@dataclass(frozen=True)
class Listing:
    """The images of a folder before decoding: ids of each split, and the class of each image if labelled."""

    root: Path
    train: list[str]
    test: list[str]
    class_of: dict[str, str]
    files: list[tuple[str, int, int]]  # id, bytes, mtime in ns: part of the cache key
    description: FolderDescription


def describe_folder(path: str) -> FolderDescription:
    """Return the description of a folder: see `list_folder`."""
    return list_folder(path).description


def list_folder(path: str, seconds: float = math.inf) -> Listing:
    """Sort a folder's images into splits and classes by path only. Raises ConfigError at data.path.

    Layouts: `<class>/…`; `train/<class>/…` with `test/<class>/…`, in any case and spelling
    (`layout.understand`); or no class folders, which means no labels. If labelled images have no test split,
    a tenth of each class is held out as one, deterministically. Raises ScanTimeoutError if scanning takes
    longer than `seconds`.
    """
    root = _root(path)
    found = scan(root, seconds)
    layout = understand([image.id for image in found.images])
    held_out = bool(layout.class_of) and not layout.test
    if held_out:
        layout = _hold_out(layout)
    description = _describe(found, layout, held_out)
    if not layout.train:
        raise ConfigError.at("data.path", _nothing(description))
    files = [(image.id, image.size, image.mtime) for image in found.images]
    return Listing(root, layout.train, layout.test, layout.class_of, files, description)


def _root(path: str) -> Path:
    try:
        root = located(os.path.expanduser(path))
        if not root.exists():
            raise ConfigError.at(
                "data.path",
                f"There is no folder {printable(str(root))}; bring it back, or give one that exists.",
            )
        if not root.is_dir():
            raise ConfigError.at(
                "data.path", f"{printable(str(root))} is a file; give the folder that holds the images."
            )
        return root.resolve()
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError.at("data.path", f"{printable(path)} cannot be opened: {reason}.") from None
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError.at("data.path", str(error)) from None


def _hold_out(layout: Layout) -> Layout:
    """Hold out a tenth of the images, stratified by class, for testing; never the last image of a class."""
    classes = {name: label for label, name in enumerate(layout.classes)}
    labels = torch.tensor([classes[layout.class_of[i]] for i in layout.train])
    chosen = set(stratified(labels, round(HELD_OUT * len(labels)), keep=1).tolist())
    train = [image_id for row, image_id in enumerate(layout.train) if row not in chosen]
    test = [image_id for row, image_id in enumerate(layout.train) if row in chosen]
    return replace(layout, train=train, test=test)


def _describe(found: Scan, layout: Layout, held_out: bool) -> FolderDescription:
    train, test = (Counter(map(layout.class_of.get, ids)) for ids in (layout.train, layout.test))
    classes = tuple(ClassCount(name, train[name], test[name]) for name in layout.classes)
    notes = list(layout.notes)
    if found.by_content:
        notes.append(f"{found.by_content:,} of the files are images by their content, not by their names.")
    notes += _gaps(classes, held_out, bool(layout.test))
    return FolderDescription(
        printable(str(found.root)),
        len(layout.train),
        len(layout.test),
        classes,
        held_out,
        layout.why,
        tuple(notes),
        (*found.left_out, *layout.left_out),
    )


def _gaps(classes: tuple[ClassCount, ...], held_out: bool, tested: bool) -> Iterator[str]:
    """Yield sentences about classes missing from one of the splits."""
    if untrained := [c.name for c in classes if not c.train]:
        yield f"{listed(untrained)} {_have(untrained)} no training images."
    untested = [c.name for c in classes if not c.test]
    if untested and held_out:
        yield f"{listed(untested)} {_have(untested)} too few images to give one for testing: nothing is measured there."
    elif untested and tested:
        yield f"{listed(untested)} {_have(untested)} no test images."


def _have(names: list[str]) -> str:
    return "has" if len(names) == 1 else "have"


def _nothing(description: FolderDescription) -> str:
    groups = by_reason(description.left_out)
    reasons = [f"{reason} ({count:,})" for reason, count, _ in groups if reason != NOT_IMAGES]
    left_out = f" Left out: {listed(reasons)}." if reasons else ""
    return (
        f"{description.folder} holds no images to train on (.jpg, .png, .webp and others are read).{left_out}"
    )


def load_folder(path: str, image_size: int, progress: Progress) -> tuple[Splits, str]:
    """Return a folder's splits, decoded or from the cache, and the name of the cache, which identifies them.

    Ids are relative paths. Images that cannot be read are skipped and listed. Raises ConfigError at
    data.path if there is nothing to train on.
    """
    listing = list_folder(path)
    # Part of the cache key: the same files with other splits or classes need another cache.
    understood = [
        listing.train,
        listing.test,
        [listing.class_of.get(i) for i in listing.train + listing.test],
    ]
    identity = json.dumps([2, str(listing.root), image_size, listing.files, understood])
    name = "folder-" + hashlib.sha256(identity.encode()).hexdigest()[:24]
    splits = stored(name, image_size, lambda pixels: _decode(listing, image_size, pixels, progress))
    skipped = (*listing.description.left_out, *splits.skipped)
    return replace(splits, skipped=skipped, notes=listing.description.lines()), name


def _decode(listing: Listing, image_size: int, pixels: BinaryIO, progress: Progress) -> Contents:
    def attempt(image_id: str) -> bytes | ImageError:
        try:
            return read_image(path_of(listing.root, image_id), image_size).numpy().tobytes()
        except ImageError as error:
            return error

    ids, kept, skipped, train_count = listing.train + listing.test, list[str](), list[LeftOut](), 0
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:  # Pillow releases the GIL while decoding
        for start in range(0, len(ids), _BLOCK):
            progress(start / len(ids), f"Decoding images: {start:,} of {len(ids):,}")
            block = ids[start : start + _BLOCK]
            for offset, (image_id, image) in enumerate(zip(block, pool.map(attempt, block), strict=True)):
                if isinstance(image, ImageError):
                    skipped.append(LeftOut(image_id, _as_reason(image)))
                    continue
                pixels.write(image)
                kept.append(image_id)
                train_count += start + offset < len(listing.train)
    if not train_count:
        folder = listing.description.folder
        unread = f"None of the {len(listing.train):,} training images in {folder} can be read."
        raise ConfigError.at("data.path", f"{unread} The first is {skipped[0]}")
    classes = [one.name for one in listing.description.classes]
    position = {name: label for label, name in enumerate(classes)}
    labels = [position[listing.class_of[image_id]] for image_id in kept] if classes else None
    return Contents(kept, labels, classes, train_count, [(one.path, one.reason) for one in skipped])


def _as_reason(error: ImageError) -> str:
    """Return the error message in the form used for reasons for leaving files out."""
    sentence = str(error).removesuffix(".")
    return sentence[:1].lower() + sentence[1:]
