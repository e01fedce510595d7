"""Preview of the user's own images: counts, classes and a few decoded images, as plain data like `inspection`."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simsiam_core.features.inspection import Pixels, pixels

if TYPE_CHECKING:
    from simsiam_core.data import ImageError, Progress
    from simsiam_core.data.listing import Listing

CLASSES = 12  # classes listed individually
IMAGES = 12  # shown, as many of each class as of the others
TRIED = 100  # images opened to tell whether they can be read, evenly spread over the listing
NAMED = 3  # unreadable images that are named
SIDE = 48  # px
LISTING_SECONDS = 8.0
DECODING_SECONDS = 2.0  # then fewer are shown or tried


@dataclass(frozen=True)
class ClassPreview:
    """A class and its counts."""

    name: str
    train: int
    test: int


@dataclass(frozen=True)
class ImagePreview:
    """A training image and the name of its class, if it has one."""

    pixels: Pixels
    label: str | None


@dataclass(frozen=True)
class FolderPreview:
    """A one-sentence summary, notes, the first of `classes_in_all` classes, images, and lines on what is left out."""

    summary: str
    notes: tuple[str, ...]
    classes: tuple[ClassPreview, ...]
    classes_in_all: int
    images: tuple[ImagePreview, ...]
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
        return FolderPreview(sentence, ("They are listed when training starts.",), (), 0, (), ())
    found = listing.description
    summary, *notes = found.lines()
    images, unreadable = _images(listing), _unreadable(listing)
    return FolderPreview(
        summary,
        tuple(notes),
        tuple(ClassPreview(one.name, one.train, one.test) for one in found.classes[:CLASSES]),
        len(found.classes),
        images,
        (*unreadable, *left_out_lines(found.left_out)),
    )


def _images(listing: Listing) -> tuple[ImagePreview, ...]:
    """Return a few training images, of as many classes as possible, class after class."""
    turns = _by_turns(listing)
    wanted = set(turns)
    decoded = dict(_decoded(listing, [image_id for image_id in listing.train if image_id in wanted]))
    found = [(listing.class_of.get(i), decoded[i]) for i in turns if i in decoded]
    readable = [ImagePreview(image, label) for label, image in found if not isinstance(image, ValueError)]
    return tuple(sorted(readable[:IMAGES], key=lambda one: str(one.label)))


def _by_turns(listing: Listing) -> list[str]:
    """Return ids of training images: the first of each class, then the second of each, …; some may be unreadable."""
    ids: dict[str | None, list[str]] = {}
    for image_id in listing.train:
        of_class = ids.setdefault(listing.class_of.get(image_id), [])
        if len(of_class) < 2 * IMAGES:
            of_class.append(image_id)
    turns = itertools.zip_longest(*ids.values())
    return [image_id for turn in turns for image_id in turn if image_id is not None][: 2 * IMAGES]


def _unreadable(listing: Listing) -> Iterator[str]:
    """Yield a line on the images that cannot be read, among some that are spread over the listing."""
    from simsiam_core.data.left_out import listed

    tried = dict(_decoded(listing, listing.train[:: max(1, len(listing.train) // TRIED)][:TRIED]))
    failed = [f"{i} ({error.reason})" for i, error in tried.items() if isinstance(error, ValueError)]
    if failed:
        several = (
            f"{len(failed):,} of {len(tried):,} images that were tried cannot be read and will be skipped"
        )
        yield f"{several}: {listed(failed, NAMED)}"


def _decoded(listing: Listing, ids: list[str]) -> Iterator[tuple[str, Pixels | ImageError]]:
    """Yield images in small size, or why they cannot be read, until the time is over; ids in the listing's order."""
    from simsiam_core.data import ImageError, read_image

    deadline = time.monotonic() + DECODING_SECONDS
    for image_id, encoded in zip(ids, listing.encoded(ids), strict=False):
        if time.monotonic() > deadline:
            return
        try:
            yield image_id, encoded if isinstance(encoded, ImageError) else pixels(read_image(encoded, SIDE))
        except ImageError as error:
            yield image_id, error
