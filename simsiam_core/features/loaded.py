"""In-process LRU caches of data sets, encoders and feature banks, used by the inspection functions."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Generic, TypeVar

import torch

from simsiam_core.config import ConfigError, DataConfig
from simsiam_core.data import Dataset, ImageSet, Progress, cache_dir, load
from simsiam_core.data.memory import joined
from simsiam_core.data.pruning import used
from simsiam_core.features.bank import FeatureBank, bank_path, load_bank
from simsiam_core.features.folder_split import folder_of
from simsiam_core.model import CheckpointError, Encoder, fingerprint, load_encoder
from simsiam_core.runs import Checkpoint, RunDirectory

T = TypeVar("T")


class LRUCache(Generic[T]):
    """A cache of the `size` most recently used values."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[Hashable, T] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the value of `key`, computed on a miss; evicts the least recently used value."""
        if key not in self._values:
            self._values[key] = make()
            if len(self._values) > self._size:
                self._values.popitem(last=False)
        self._values.move_to_end(key)
        return self._values[key]


_datasets: LRUCache[Dataset] = LRUCache(2)
_encoders: LRUCache[Encoder] = LRUCache(4)
_own: LRUCache[Dataset] = LRUCache(2)
_banks: LRUCache[FeatureBank] = LRUCache(8)  # memory maps: cheap to hold


def dataset(config: DataConfig, progress: Progress | None = None) -> Dataset:
    """Return the data set of a config."""
    return _datasets.get(config, lambda: load(config, progress))


def split(config: DataConfig, name: str, progress: Progress | None = None) -> ImageSet:
    """Return a split of the data set or a user folder (see `folder_split`). Raises ConfigError if missing."""
    if folder := folder_of(name):
        return folder_dataset(folder, config.image_size, progress).train
    try:
        return dataset(config, progress).split(name)
    except ValueError as error:
        raise error if isinstance(error, ConfigError) else ConfigError.at("split", str(error)) from None


def folder_dataset(folder: str, image_size: int, progress: Progress | None = None) -> Dataset:
    """Return a user folder decoded at an image size, with the images of all its splits in `train`."""
    config = DataConfig(source="folder", path=folder, image_size=image_size)
    ours = Path(folder).parent == (cache_dir() / "own").resolve()
    if ours:
        used(Path(folder))

    def make() -> Dataset:
        try:
            images = load(config, progress)
        except ConfigError as error:  # the message names the folder, which is internal for an unpacked zip
            told = " ".join(problem.message for problem in error.problems)
            name = "the zip" if ours else f"the folder {Path(folder).name}"
            raise ConfigError.at("bank", told.replace(str(Path(folder)), name)) from None
        if images.test is None:
            return images
        parts = (images.train, images.test)
        labels = [part.labels for part in parts if part.labels is not None]
        whole = ImageSet(
            joined(images.train.images, images.test.images),
            torch.cat(labels) if labels else None,
            images.train.classes,
            tuple(image_id for part in parts for image_id in part.ids),
        )
        # A run on the same folder trains on fewer images, so the fingerprint must differ.
        return replace(images, train=whole, test=None, fingerprint=f"{images.fingerprint}-whole")

    return _own.get(config, make)


def find(config: DataConfig, image_id: str, among: str = "train") -> tuple[ImageSet, int]:
    """Return the split that contains an image (`among` first), and its row. Raises ConfigError if none."""
    images = dataset(config)
    for part in (split(config, among) if folder_of(among) else None, images.train, images.test):
        with suppress(KeyError):
            if part is not None:
                return part, part.index_of(image_id)
    raise ConfigError.at("query", f"This run's data has no image {image_id!r}; choose one of its own.")


def encoder(checkpoint: Checkpoint) -> Encoder:
    """Return the backbone of a checkpoint."""
    return _encoders.get(identity(checkpoint), lambda: load_encoder(checkpoint.path))


def bank(run: RunDirectory, checkpoint: Checkpoint, name: str, progress: Progress | None) -> FeatureBank:
    """Return the feature bank of a split under a checkpoint, encoding it on a cache miss."""
    images, part = _source(run, name, progress)
    return _banks.get(
        (run.path, *identity(checkpoint), images.fingerprint, part),
        lambda: load_bank(run, checkpoint, part, progress, dataset=images, encoder=encoder(checkpoint)),
    )


def has_bank(run: RunDirectory, checkpoint: Checkpoint, name: str) -> bool:
    """Return whether the feature bank of a split is cached on disk."""
    identity(checkpoint)  # raises if the checkpoint no longer exists
    images, part = _source(run, name, None)
    return bank_path(run, checkpoint, part, images).is_file()


def _source(run: RunDirectory, name: str, progress: Progress | None) -> tuple[Dataset, str]:
    """Return the data set a split belongs to, and the name of the split within it."""
    config = run.config().data
    split(config, name, progress)
    if folder := folder_of(name):
        return folder_dataset(folder, config.image_size), "train"
    return dataset(config), name


def split_fingerprint(run: RunDirectory, name: str) -> str:
    """Return a fingerprint that is equal for equal images in the same order."""
    return _source(run, name, None)[0].fingerprint


def identity(checkpoint: Checkpoint) -> tuple[Path, str]:
    """Return a checkpoint's resolved path and fingerprint: `last` is a link that changes during training."""
    try:
        return checkpoint.path.resolve(), fingerprint(checkpoint.path)
    except OSError:
        raise CheckpointError(f"Checkpoint {checkpoint.name} is no longer there; choose another.") from None
