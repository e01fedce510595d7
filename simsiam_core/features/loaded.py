"""What stays loaded in a process that inspects: data sets, encoders and banks, each the few used last."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from pathlib import Path
from typing import Generic, TypeVar

from simsiam_core.config import ConfigError, DataConfig
from simsiam_core.data import Dataset, ImageSet, Progress, load
from simsiam_core.features.bank import FeatureBank, load_bank
from simsiam_core.model import CheckpointError, Encoder, fingerprint, load_encoder
from simsiam_core.runs import Checkpoint, RunDirectory

T = TypeVar("T")


class Recent(Generic[T]):
    """The `size` values used most recently, by key."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[Hashable, T] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of `key`, made if it is not there; the one unused for longest makes room for it."""
        if key not in self._values:
            self._values[key] = make()
            if len(self._values) > self._size:
                self._values.popitem(last=False)
        self._values.move_to_end(key)
        return self._values[key]


_datasets: Recent[Dataset] = Recent(2)
_encoders: Recent[Encoder] = Recent(4)
_banks: Recent[FeatureBank] = Recent(8)  # memory maps: cheap to hold


def dataset(config: DataConfig, progress: Progress | None = None) -> Dataset:
    """The images of a config."""
    return _datasets.get(config, lambda: load(config, progress))


def split(config: DataConfig, name: str, progress: Progress | None = None) -> ImageSet:
    """One split of them. Raises ConfigError if there is none of that name."""
    try:
        return dataset(config, progress).split(name)
    except ValueError as error:
        raise error if isinstance(error, ConfigError) else ConfigError.at("split", str(error)) from None


def find(config: DataConfig, picture_id: str) -> tuple[ImageSet, int]:
    """The split that holds an image, and its row there. Raises ConfigError if neither does."""
    images = dataset(config)
    for part in (images.train, images.test):
        with suppress(KeyError):
            if part is not None:
                return part, part.index_of(picture_id)
    raise ConfigError.at("query", f"This run's data has no picture {picture_id!r}; choose one of its own.")


def encoder(checkpoint: Checkpoint) -> Encoder:
    """The backbone of a checkpoint."""
    return _encoders.get(_identity(checkpoint), lambda: load_encoder(checkpoint.path))


def bank(run: RunDirectory, checkpoint: Checkpoint, name: str, progress: Progress | None) -> FeatureBank:
    """A split as the checkpoint encodes it; encoding it now if nobody has."""
    split(run.config().data, name, progress)
    images = dataset(run.config().data)
    return _banks.get(
        (*_identity(checkpoint), images.fingerprint, name),
        lambda: load_bank(run, checkpoint, name, progress, dataset=images, encoder=encoder(checkpoint)),
    )


def _identity(checkpoint: Checkpoint) -> tuple[Path, str]:
    """`last` is a link that moves on while a run trains: its target and fingerprint, not its name."""
    try:
        return checkpoint.path.resolve(), fingerprint(checkpoint.path)
    except OSError:
        raise CheckpointError(f"Checkpoint {checkpoint.name} is no longer there; choose another.") from None
