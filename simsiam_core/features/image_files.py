"""Image files named by a person: any folder or list of files, decoded block by block in bounded memory."""

from __future__ import annotations

import hashlib
import json
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from simsiam_core.config import ConfigError
from simsiam_core.data.image_file import ImageError, read_image
from simsiam_core.data.layout import understand
from simsiam_core.data.left_out import LeftOut, listed
from simsiam_core.data.scan import path_of, scan
from simsiam_core.names import located, printable

BLOCK_BYTES = 2**26  # of decoded pixels
BLOCK_IMAGES = 512  # at most


@dataclass(frozen=True)
class ImageFiles:
    """Image files in a fixed order, with the ids they get and, where folders are classes, their class names.

    `left_out` are the files of folders that are no images. `version` changes with the files, their sizes and
    their modification times.
    """

    ids: tuple[str, ...]
    paths: tuple[Path, ...]
    labels: tuple[str, ...] | None  # "" for an image in no class folder
    left_out: tuple[LeftOut, ...]
    version: str

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Block:
    """The images of a range of files, uint8 [n, 3, S, S], with their positions; the others as (position, reason)."""

    images: Tensor
    rows: tuple[int, ...]
    unreadable: tuple[tuple[int, str], ...]
    end: int  # position after the last file


def list_images(given: Sequence[str]) -> ImageFiles:
    """List the images of folders, recursively, and single files.

    The id of an image is its path in the folder if one folder is given, and the path as given otherwise.
    What does not exist is left out. Raises ConfigError at `images` if nothing remains.
    """
    found: dict[str, tuple[Path, int, int]] = {}
    left_out: list[LeftOut] = []
    for text in given:
        path = _existing(text)
        if isinstance(path, str):
            left_out.append(LeftOut(printable(text), path))
            continue
        if not path.is_dir():
            status = path.stat()
            found[printable(text)] = path.absolute(), status.st_size, status.st_mtime_ns
            continue
        scanned = scan(path.resolve())
        prefix = "" if len(given) == 1 else printable(text).rstrip("/") + "/"
        left_out += [LeftOut(prefix + one.path, one.reason, one.files) for one in scanned.left_out]
        for image in scanned.images:
            found[prefix + image.id] = path_of(scanned.root, image.id), image.size, image.mtime
    if not found:
        reasons = f" ({listed(map(str, left_out))})" if left_out else ""
        raise ConfigError.at("images", f"There are no images in {listed(map(printable, given))}{reasons}.")
    classes = understand(list(found)).class_of if len(given) == 1 else {}
    identity = json.dumps([[image_id, *facts[1:]] for image_id, facts in found.items()])
    return ImageFiles(
        tuple(found),
        tuple(path for path, _, _ in found.values()),
        tuple(classes.get(image_id, "") for image_id in found) if classes else None,
        tuple(left_out),
        hashlib.sha256(identity.encode()).hexdigest()[:24],
    )


def decoded(files: ImageFiles, size: int, start: int = 0) -> Iterator[Block]:
    """Yield the images from position `start` as square images of `size`; the next block is decoded meanwhile."""
    count = max(1, min(BLOCK_IMAGES, BLOCK_BYTES // (3 * size**2)))
    pool = ThreadPoolExecutor(max_workers=os.cpu_count())  # Pillow releases the GIL while decoding

    def attempt(row: int) -> Tensor | ImageError:
        try:
            return read_image(files.paths[row], size)
        except ImageError as error:
            return error

    waiting: deque[tuple[range, list[Future[Tensor | ImageError]]]] = deque()
    try:
        for first in range(start, len(files), count):
            rows = range(first, min(first + count, len(files)))
            waiting.append((rows, [pool.submit(attempt, row) for row in rows]))
            if len(waiting) > 1:
                yield _block(*waiting.popleft(), size)
        while waiting:
            yield _block(*waiting.popleft(), size)
    finally:
        pool.shutdown(cancel_futures=True)


def _block(rows: range, futures: list[Future[Tensor | ImageError]], size: int) -> Block:
    found = [(row, future.result()) for row, future in zip(rows, futures, strict=True)]
    images = [(row, image) for row, image in found if isinstance(image, Tensor)]
    reasons = [(row, error.reason) for row, error in found if isinstance(error, ImageError)]
    pixels = torch.empty(len(images), 3, size, size, dtype=torch.uint8)
    for index, (_, image) in enumerate(images):
        pixels[index] = image
    return Block(pixels, tuple(row for row, _ in images), tuple(reasons), rows.stop)


def _existing(text: str) -> Path | str:
    """Return the path of an existing file or folder, or the reason why there is none."""
    try:
        path = located(os.path.expanduser(text))
        return path if path.exists() else "there is no such file or folder"
    except (OSError, ValueError) as error:
        return f"it cannot be opened: {getattr(error, 'strerror', None) or error}"
