"""Images of a source before decoding, their splits and classes, and decoding of them into the cache."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import torch

from simsiam_core.config import ConfigError
from simsiam_core.data.cache import Contents, Progress, stored
from simsiam_core.data.description import ClassCount, FolderDescription
from simsiam_core.data.image_file import ImageError, read_image
from simsiam_core.data.image_set import Encoded, Splits, stratified
from simsiam_core.data.layout import Layout
from simsiam_core.data.left_out import LeftOut, listed
from simsiam_core.names import printable

HELD_OUT = 0.1  # share held out as the test split of labelled images without test images
_BLOCK = 512  # images decoded between two progress reports
_BLOCK_BYTES = 64e6  # of encoded images held in memory at once


@dataclass(frozen=True)
class Listing:
    """The images of a source before decoding: ids of each split, and the class of each image if labelled."""

    root: Path
    train: list[str]
    test: list[str]
    class_of: dict[str, str]
    files: list[tuple[str, int, int]]  # name, bytes, mtime in ns: part of the cache key
    description: FolderDescription
    # Yields the encoded image of each of the given ids, which must be in the order of `train` or of `test`.
    encoded: Callable[[Sequence[str]], Iterator[Encoded]]


def hold_out(layout: Layout) -> Layout:
    """Hold out a tenth of the images, stratified by class, for testing; never the last image of a class."""
    classes = {name: label for label, name in enumerate(layout.classes)}
    labels = torch.tensor([classes[layout.class_of[i]] for i in layout.train])
    chosen = set(stratified(labels, round(HELD_OUT * len(labels)), keep=1).tolist())
    train = [image_id for row, image_id in enumerate(layout.train) if row not in chosen]
    test = [image_id for row, image_id in enumerate(layout.train) if row in chosen]
    return replace(layout, train=train, test=test)


def describe(
    root: Path,
    layout: Layout,
    held_out: bool,
    notes: Iterable[str] = (),
    left_out: Iterable[LeftOut] = (),
    classes: Sequence[str] | None = None,
) -> FolderDescription:
    """Describe a layout; `classes` are its class names in their order, by default sorted."""
    train, test = (Counter(map(layout.class_of.get, ids)) for ids in (layout.train, layout.test))
    names = layout.classes if classes is None else classes
    counts = tuple(ClassCount(name, train[name], test[name]) for name in names)
    return FolderDescription(
        printable(str(root)),
        len(layout.train),
        len(layout.test),
        counts,
        held_out,
        layout.why,
        (*layout.notes, *notes, *_gaps(counts, held_out, bool(layout.test))),
        (*left_out, *layout.left_out),
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


def load_listing(kind: str, listing: Listing, image_size: int, progress: Progress) -> tuple[Splits, str]:
    """Return the splits, decoded or from the cache, and the name of the cache, which identifies them.

    `kind` is the source's name. Images that cannot be read are skipped and listed. Raises ConfigError at
    data.path if there is nothing to train on.
    """
    # Part of the cache key: the same files with other splits or classes need another cache.
    understood = [
        listing.train,
        listing.test,
        [listing.class_of.get(i) for i in listing.train + listing.test],
    ]
    identity = json.dumps([2, str(listing.root), image_size, listing.files, understood])
    name = f"{kind}-" + hashlib.sha256(identity.encode()).hexdigest()[:24]
    splits = stored(name, image_size, lambda pixels: _decode(listing, image_size, pixels, progress))
    skipped = (*listing.description.left_out, *splits.skipped)
    notes = listing.description.lines()
    return replace(splits, skipped=skipped, notes=notes, encoded=listing.encoded), name


def _decode(listing: Listing, image_size: int, pixels: BinaryIO, progress: Progress) -> Contents:
    def attempt(encoded: Encoded) -> bytes | ImageError:
        if isinstance(encoded, ImageError):
            return encoded
        try:
            return read_image(encoded, image_size).numpy().tobytes()
        except ImageError as error:
            return error

    kept, skipped, train_count, done = list[str](), list[LeftOut](), 0, 0
    count = len(listing.train) + len(listing.test)
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:  # Pillow releases the GIL while decoding
        for ids in (listing.train, listing.test):
            for block in blocks(ids, listing.encoded(ids)):
                progress(done / count, f"Decoding images: {done:,} of {count:,}")
                done += len(block)
                images = pool.map(attempt, [encoded for _, encoded in block])
                for (image_id, _), image in zip(block, images, strict=True):
                    if isinstance(image, ImageError):
                        skipped.append(LeftOut(image_id, image.reason))
                        continue
                    pixels.write(image)
                    kept.append(image_id)
                    train_count += ids is listing.train
    if not train_count:
        folder = listing.description.folder
        unread = f"None of the {len(listing.train):,} training images in {folder} can be read."
        raise ConfigError.at("data.path", f"{unread} The first is {skipped[0]}")
    classes = [one.name for one in listing.description.classes]
    position = {name: label for label, name in enumerate(classes)}
    labels = [position[listing.class_of[image_id]] for image_id in kept] if classes else None
    return Contents(kept, labels, classes, train_count, [(one.path, one.reason) for one in skipped])


def blocks(ids: Iterable[str], encoded: Iterable[Encoded]) -> Iterator[list[tuple[str, Encoded]]]:
    """Group encoded images with their ids into blocks, limited in number and in bytes held in memory."""
    both = iter(zip(ids, encoded, strict=True))
    while block := list(islice(both, 1)):
        held = 0.0
        while len(block) < _BLOCK and held < _BLOCK_BYTES and (one := next(both, None)):
            block.append(one)
            held += len(one[1]) if isinstance(one[1], bytes) else 0
        yield block
