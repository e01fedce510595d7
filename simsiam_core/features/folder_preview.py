"""Preview of the user's own images: counts, classes and a few decoded images, as plain data like `inspection`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simsiam_core.features.inspection import Pixels, pixels

if TYPE_CHECKING:
    from simsiam_core.data import Progress
    from simsiam_core.data.listing import Listing

CLASSES = 12  # classes listed individually
IMAGES = 4  # of each class
UNLABELLED_IMAGES = 12
SIDE = 48  # px
LISTING_SECONDS = 8.0
DECODING_SECONDS = 2.0  # the remaining classes are shown without images


@dataclass(frozen=True)
class ClassPreview:
    """A class, its counts and some of its training images; `name` None stands for all unlabelled images."""

    name: str | None
    train: int
    test: int
    images: tuple[Pixels, ...]


@dataclass(frozen=True)
class FolderPreview:
    """A one-sentence summary, notes, the first of `classes_in_all` classes, and lines on what is left out."""

    summary: str
    notes: tuple[str, ...]
    classes: tuple[ClassPreview, ...]
    classes_in_all: int
    left_out: tuple[str, ...]


def preview_folder(path: str, progress: Progress | None = None, *, source: str = "folder") -> FolderPreview:
    """Describe the images at a path and decode a few. Raises ConfigError at data.path.

    `source` is the name of a source that lists images.
    """
    from simsiam_core.data.left_out import left_out_lines
    from simsiam_core.data.scan import ScanTimeoutError
    from simsiam_core.data.sources import SOURCES

    list_images = SOURCES.get(source).list_images
    assert list_images is not None
    try:
        listing = list_images(path, LISTING_SECONDS)
    except ScanTimeoutError:
        sentence = (
            f"The folder holds so many files that {LISTING_SECONDS:.0f} seconds are not enough to list them."
        )
        return FolderPreview(sentence, ("They are listed when training starts.",), (), 0, ())
    found = listing.description
    summary, *notes = found.lines()
    return FolderPreview(
        summary, tuple(notes), _classes(listing), len(found.classes), tuple(left_out_lines(found.left_out))
    )


def _classes(listing: Listing) -> tuple[ClassPreview, ...]:
    deadline = time.monotonic() + DECODING_SECONDS
    found = listing.description
    if not found.classes:
        images = _images(listing, listing.train[:UNLABELLED_IMAGES], deadline)
        return (ClassPreview(None, found.train, found.test, images),)
    shown = found.classes[:CLASSES]
    ids: dict[str, list[str]] = {one.name: [] for one in shown}
    for image_id in listing.train:
        of_class = ids.get(listing.class_of[image_id])
        if of_class is not None and len(of_class) < IMAGES:
            of_class.append(image_id)
    return tuple(
        ClassPreview(c.name, c.train, c.test, _images(listing, ids[c.name], deadline)) for c in shown
    )


def _images(listing: Listing, ids: list[str], deadline: float) -> tuple[Pixels, ...]:
    """Return the images that can be decoded before the deadline."""
    from simsiam_core.data import ImageError, read_image

    shown = []
    for encoded in listing.encoded(ids):
        if time.monotonic() > deadline:
            break
        try:
            if not isinstance(encoded, ImageError):
                shown.append(pixels(read_image(encoded, SIDE)))
        except ImageError:
            continue  # reported when training decodes it
    return tuple(shown)
