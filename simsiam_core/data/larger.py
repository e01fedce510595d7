"""Training images at the size that crops are cut from: larger than the network's, in their own shapes.

They are decoded once into one memory-mapped file of uint8 pixels, with the sizes of the images beside it, in
the cache of decoded images. Only training reads them; everything else uses the square images.
"""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from simsiam_core.config import Config, ConfigError
from simsiam_core.config.cache import cache_dir
from simsiam_core.config.sections.data import LARGEST_STORED
from simsiam_core.data.cache import Progress, build
from simsiam_core.data.image_batch import ImageBatch
from simsiam_core.data.image_file import ImageError, read_resized, upright_size
from simsiam_core.data.image_set import Dataset, Encoded
from simsiam_core.data.listing import blocks
from simsiam_core.data.memory import mapped
from simsiam_core.data.pruning import used
from simsiam_core.data.sources import SOURCES

T = TypeVar("T")
VERSION = 1  # part of the file name: increment when the pixels change
_STEP = 8  # px, to which the automatic size is rounded up
_TIMED = 16  # images decoded to estimate the time
AUTOMATIC_BYTES = 40e9  # the cache keeps 50 GB of decoded images; a larger size has to be set
_HELD_BYTES = 2**28  # of decoded images in memory at once
_ROOM = 1.02  # of the pixels' bytes: what a file system needs beside them
PIXELS, SIZES = "pixels.uint8", "sizes.npy"


def size_for_crops(config: Config) -> int:
    """Return the shorter side at which no crop of a config has fewer pixels than its view, within reason."""
    o, size = config.objective, config.data.image_size / math.sqrt(config.augmentation.crop_scale_min)
    if o.small_view_count:
        size = max(size, o.local_size / math.sqrt(o.local_scale_min))
    return min(math.ceil(size / _STEP) * _STEP, LARGEST_STORED)


def stored_size(config: Config) -> int:
    """Return the shorter side at which training images are kept, if none of them is smaller."""
    if SOURCES.get(config.data.source).list_images is None:
        return config.data.image_size
    return max(config.data.image_size, config.data.stored_size or size_for_crops(config))


def with_larger(
    config: Config,
    dataset: Dataset,
    progress: Progress | None = None,
    say: Callable[[str], object] = lambda sentence: None,
) -> Dataset:
    """Return the data set with its `larger` images, decoded or from the cache, if the settings ask for any.

    There are none if `data.stored_size` is the image size, if no image is larger than that, or if the images
    come from no files. `say` is told the size and the time before anything is written. Raises ConfigError at
    data.stored_size if they do not fit the disk, or if a file has changed meanwhile.
    """
    size, image_size = stored_size(config), config.data.image_size
    if dataset.encoded is None or size <= image_size:
        return dataset
    report = progress or (lambda fraction, text: None)
    automatic = config.data.stored_size is None  # may be lowered, so the name differs from that of a set size
    name = f"larger-{VERSION}-{dataset.fingerprint}-{size}{'-at-most' * automatic}"
    folder = cache_dir() / "decoded" / name
    complete = partial(_complete, count=len(dataset.train))
    try:
        if not complete(folder):
            build(
                folder, complete, lambda made: _fill(made, dataset, size, image_size, automatic, report, say)
            )
        used(folder)
        return replace(dataset, larger=_mapped(folder))
    except OSError as error:
        raise ConfigError.at(
            "data.stored_size",
            f"The larger images cannot be kept in {cache_dir()} ({error.strerror or error}); make room there, set "
            f"SIMSIAM_CACHE to a folder with more, or set Stored size to {image_size}.",
        ) from None


def in_memory(config: Config, dataset: Dataset, rows: Tensor) -> ImageBatch | None:
    """Decode some training images as `with_larger` keeps them; None if none is larger than the square images.

    Raises ConfigError as `with_larger` does.
    """
    size = stored_size(config)
    if dataset.encoded is None or size <= config.data.image_size:
        return None
    ascending, order = rows.sort()
    ids = [dataset.train.ids[row] for row in ascending.tolist()]
    encoded = list(dataset.encoded(ids))
    own = [_measured(one, image_id) for one, image_id in zip(encoded, ids, strict=True)]
    if max(map(max, own)) <= config.data.image_size:
        return None
    sizes = _kept_sizes(np.array(own), size).tolist()
    images = [
        _decoded(one, image_id, *shape) for one, image_id, shape in zip(encoded, ids, sizes, strict=True)
    ]
    return ImageBatch.of([images[place] for place in order.argsort().tolist()])


def _mapped(folder: Path) -> ImageBatch | None:
    sizes = torch.from_numpy(np.load(folder / SIZES))
    if not len(sizes):
        return None
    heights, widths = sizes.unbind(1)
    return ImageBatch.at(
        mapped(folder / PIXELS, (int((3 * heights * widths).sum()),)),
        heights.contiguous(),
        widths.contiguous(),
    )


def _complete(folder: Path, count: int) -> bool:
    try:
        sizes = np.load(folder / SIZES)
        pixels = (folder / PIXELS).stat().st_size
        return len(sizes) in (0, count) and pixels == _bytes(sizes)
    except (OSError, ValueError, EOFError):
        return False


def _fill(
    folder: Path,
    dataset: Dataset,
    size: int,
    image_size: int,
    automatic: bool,
    report: Progress,
    say: Callable[[str], object],
) -> None:
    """Measure all images, then keep them; nothing is kept if none is larger than the square images.

    An `automatic` size is lowered until the images take no more than `AUTOMATIC_BYTES`: it then depends on the
    images alone, so that it is the same whenever a run resumes.
    """
    sizes = np.array(list(_sizes(dataset, report)), np.int64).reshape(-1, 2)
    if sizes.max() <= image_size:
        sizes = sizes[:0]
    kept = _kept_sizes(sizes, size)
    while automatic and _bytes(kept) > AUTOMATIC_BYTES and size > image_size:
        size = max(image_size, size - _STEP)
        kept = _kept_sizes(sizes, size)
    if len(kept):
        _check_room(kept, size, image_size)
        say(_announcement(dataset, kept, size))
    np.save(folder / SIZES, kept)
    with (folder / PIXELS).open("wb") as pixels:
        for image in _images(dataset, kept, size, report) if len(kept) else ():
            pixels.write(image)


def _kept_sizes(own: np.ndarray, size: int) -> np.ndarray:
    """Return heights and widths [n, 2] with a shorter side of at most `size`, and never more than the images' own."""
    scale = np.minimum(1.0, size / own.min(1, keepdims=True, initial=2**31))
    return np.maximum(1, np.rint(own * scale)).astype(np.int64)


def _bytes(sizes: np.ndarray) -> int:
    return 3 * int(sizes.prod(1).sum())


def _sizes(dataset: Dataset, report: Progress) -> Iterator[tuple[int, int]]:
    ids, done = dataset.train.ids, 0
    assert dataset.encoded is not None
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for block in blocks(ids, dataset.encoded(ids)):
            report(0.1 * done / len(ids), f"Measuring images: {done:,} of {len(ids):,}")
            yield from pool.map(lambda one: _measured(one[1], one[0]), block)
            done += len(block)


def _images(dataset: Dataset, kept: np.ndarray, size: int, report: Progress) -> Iterator[bytes]:
    ids, done = dataset.train.ids, 0
    assert dataset.encoded is not None
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for block in blocks(ids, dataset.encoded(ids)):
            report(0.1 + 0.9 * done / len(ids), f"Keeping images at {size} px: {done:,} of {len(ids):,}")
            shapes = kept[done : done + len(block)].tolist()
            work = [
                (encoded, image_id, *shape) for (image_id, encoded), shape in zip(block, shapes, strict=True)
            ]
            at_once = max(1, _HELD_BYTES // (3 * max(height * width for height, width in shapes)))
            for start in range(0, len(work), at_once):
                part = work[start : start + at_once]
                yield from pool.map(lambda one: _decoded(*one).numpy().tobytes(), part)
            done += len(block)


def _measured(encoded: Encoded, image_id: str) -> tuple[int, int]:
    return _reading(encoded, image_id, upright_size)


def _decoded(encoded: Encoded, image_id: str, height: int, width: int) -> Tensor:
    return _reading(encoded, image_id, lambda source: read_resized(source, height, width))


def _reading(encoded: Encoded, image_id: str, read: Callable[[Path | bytes], T]) -> T:
    """Read an image that was decoded before. Raises ConfigError if that is no longer possible."""
    try:
        if isinstance(encoded, ImageError):
            raise encoded
        return read(encoded)
    except ImageError as error:
        raise ConfigError.at(
            "data.stored_size",
            f"{image_id} has changed since it was decoded: {error} Start again, and the images are read anew.",
        ) from None


def _check_room(kept: np.ndarray, size: int, image_size: int) -> None:
    """Raise ConfigError if images of these sizes do not fit the disk, with a size that would."""
    needed, free = _bytes(kept), shutil.disk_usage(cache_dir()).free
    if _ROOM * needed <= free:
        return
    fits = int(size * math.sqrt(free / (_ROOM * needed))) // _STEP * _STEP
    advice = f"{fits} px would fit" if fits > image_size else f"{image_size} px need no more"
    raise ConfigError.at(
        "data.stored_size",
        f"At {size} px {len(kept):,} images need {needed / 1e9:,.1f} GB in {cache_dir()}, and {free / 1e9:,.1f} GB "
        f"are free; make room, set SIMSIAM_CACHE to a folder with more, or choose a smaller Stored size ({advice}).",
    )


def _announcement(dataset: Dataset, kept: np.ndarray, size: int) -> str:
    """Say how large the file becomes and how long it takes, from a few images decoded now."""
    ids = dataset.train.ids[:_TIMED]
    assert dataset.encoded is not None
    started = time.perf_counter()
    for encoded, image_id, shape in zip(dataset.encoded(ids), ids, kept.tolist(), strict=False):
        _decoded(encoded, image_id, *shape)
    seconds = (time.perf_counter() - started) / len(ids) * len(kept) / (os.cpu_count() or 1)
    minutes = "less than a minute" if seconds < 60 else f"about {seconds / 60:.0f} minutes"
    return (
        f"Crops are cut from larger images: {len(kept):,} at {size} px take {_bytes(kept) / 1e9:,.2f} GB in "
        f"{cache_dir()}, made now, once, in {minutes}."
    )
