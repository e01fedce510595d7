"""What is in a folder of images, with a few of them to look at: plain data out, like `inspection`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simsiam_core.features.inspection import Pixels, pixels

if TYPE_CHECKING:
    from simsiam_core.data import Progress
    from simsiam_core.data.folder import Listing

CLASSES = 12  # shown one by one
PICTURES = 4  # of each class
UNLABELLED_PICTURES = 12
SIDE = 48  # px
LISTING_SECONDS = 8.0
DECODING_SECONDS = 2.0  # then the classes that are left go without pictures


@dataclass(frozen=True)
class LookedAt:
    """A class (`name` None: all images, which have no labels), its counts, and some of its training images."""

    name: str | None
    train: int
    test: int
    pictures: tuple[Pixels, ...]


@dataclass(frozen=True)
class FolderLook:
    """A summary in a sentence, more sentences, the first classes of `classes_in_all`, what is left out, by line."""

    summary: str
    notes: tuple[str, ...]
    classes: tuple[LookedAt, ...]
    classes_in_all: int
    left_out: tuple[str, ...]


def look(path: str, progress: Progress | None = None) -> FolderLook:
    """Describe a folder and decode a few of its images. Raises ConfigError at data.path."""
    from simsiam_core.data.folder import list_folder
    from simsiam_core.data.left_out import left_out_lines
    from simsiam_core.data.scan import ScanTimeoutError

    try:
        listing = list_folder(path, LISTING_SECONDS)
    except ScanTimeoutError:
        sentence = (
            f"The folder holds so many files that {LISTING_SECONDS:.0f} seconds are not enough to list them."
        )
        return FolderLook(sentence, ("They are listed when training starts.",), (), 0, ())
    found = listing.description
    summary, *notes = found.lines()
    return FolderLook(
        summary, tuple(notes), _classes(listing), len(found.classes), tuple(left_out_lines(found.left_out))
    )


def _classes(listing: Listing) -> tuple[LookedAt, ...]:
    deadline = time.monotonic() + DECODING_SECONDS
    found = listing.description
    if not found.classes:
        pictures = _pictures(listing, listing.train[:UNLABELLED_PICTURES], deadline)
        return (LookedAt(None, found.train, found.test, pictures),)
    shown = found.classes[:CLASSES]
    ids: dict[str, list[str]] = {one.name: [] for one in shown}
    for image_id in listing.train:
        of_class = ids.get(listing.class_of[image_id])
        if of_class is not None and len(of_class) < PICTURES:
            of_class.append(image_id)
    return tuple(LookedAt(c.name, c.train, c.test, _pictures(listing, ids[c.name], deadline)) for c in shown)


def _pictures(listing: Listing, ids: list[str], deadline: float) -> tuple[Pixels, ...]:
    """Those of some images that can be read before the deadline."""
    from simsiam_core.data import PictureError, read_picture
    from simsiam_core.data.scan import path_of

    shown = []
    for image_id in ids:
        if time.monotonic() > deadline:
            break
        try:
            shown.append(pixels(read_picture(path_of(listing.root, image_id), SIDE)))
        except PictureError:
            continue  # said when training decodes it
    return tuple(shown)
