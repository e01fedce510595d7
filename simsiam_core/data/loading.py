"""Loading of the data set of a config, from any data source."""

from __future__ import annotations

import hashlib
import json
import math

import torch

from simsiam_core.config import ConfigError, DataConfig
from simsiam_core.config.cache import cache_dir
from simsiam_core.config.sections.data import path_missing
from simsiam_core.data.cache import Progress, statistics
from simsiam_core.data.image_set import Dataset, ImageSet, Triple
from simsiam_core.data.sources import SOURCES, Source

_STATISTICS_FROM = 20_000  # images; more would not change the mean
_AT_ONCE = 256  # images measured at once, fewer if they are so large that they would exceed:
_AT_ONCE_BYTES = 2**26  # of float32 pixels


def load(config: DataConfig, progress: Progress | None = None) -> Dataset:
    """Return the data set of a config, downloaded or decoded if necessary, and reduced to its limits.

    Raises ConfigError at data.path or data.source, with a sentence on how to fix it.
    """
    report = progress or (lambda fraction, text: None)
    splits, name = _source(config).load(config, report)
    try:
        train = splits.train.limit(config.train_limit)
        test = splits.test.limit(config.test_limit) if splits.test else None
    except OSError as error:
        raise ConfigError.at(
            "data.train_limit",
            f"So many images cannot be put together in {cache_dir()} ({error.strerror or error}); make room there, or "
            "leave Training images used empty.",
        ) from None
    mean, std = statistics(name, config.train_limit, lambda: channel_statistics(train))
    identity = json.dumps([name, config.train_limit, config.test_limit])
    fingerprint = hashlib.sha256(identity.encode()).hexdigest()[:16]
    report(1.0, f"{len(train):,} training images ready")
    notes = (*splits.notes, *_lost(splits.train, train, "training"), *_lost(splits.test, test, "test"))
    return Dataset(train, test, splits.skipped, mean, std, fingerprint, notes=notes, encoded=splits.encoded)


def count_train(config: DataConfig, seconds: float = math.inf) -> int | None:
    """Count the training images of a config, without decoding or downloading any; None if unknown.

    For a folder, files are counted, including damaged ones; None if that takes longer than `seconds`.
    Raises ConfigError at data.path.
    """
    available = _source(config).count_train(config, seconds)
    return None if available is None else min(available, config.train_limit or available)


def _source(config: DataConfig) -> Source:
    """Return the source of a config. Raises ConfigError at data.path if it lacks a required path."""
    source = SOURCES.get(config.source)
    if source.needs_path and (
        problem := config.unplaced or ("" if config.path else path_missing(config.source))
    ):
        raise ConfigError.at("data.path", problem)
    return source


def _lost(before: ImageSet | None, after: ImageSet | None, name: str) -> list[str]:
    """Return a sentence if a limit leaves some classes without images."""
    if before is None or after is None or before.labels is None or after.labels is None:
        return []
    lost = len(before.labels.unique()) - len(after.labels.unique())
    if not lost:
        return []
    return [f"{len(after):,} {name} images are too few for all classes: {lost:,} of them have none there."]


def channel_statistics(images: ImageSet) -> tuple[Triple, Triple]:
    """Return mean and standard deviation of each channel (scale 0..1) from at most 20,000 evenly spaced images."""
    sample = images.images[:: -(-len(images) // _STATISTICS_FROM)]
    total, squares = torch.zeros(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    at_once = max(1, min(_AT_ONCE, _AT_ONCE_BYTES // (4 * sample[0].numel())))
    for chunk in sample.split(at_once):
        values = chunk.float() / 255
        total += values.mean((0, 2, 3)).double() * len(chunk)
        squares += values.square().mean((0, 2, 3)).double() * len(chunk)
    mean = total / len(sample)
    # Avoids division by zero for a constant channel.
    std = (squares / len(sample) - mean.square()).clamp(min=0).sqrt().clamp(min=1 / 255)
    return _triple(mean), _triple(std)


def _triple(values: torch.Tensor) -> Triple:
    red, green, blue = values.tolist()
    return red, green, blue
