"""Validation of a config against the size of its data set, before decoding or training."""

from __future__ import annotations

from simsiam_core.config import Config, ConfigError, Problem
from simsiam_core.data.loading import count_train


def check_fit(config: Config, images: int | None = None) -> None:
    """Raise ConfigError where batch size or k exceed the training images, or where there is only one.

    `images` is their number if already loaded; otherwise they are counted without decoding.
    Raises ConfigError at `data.path` for a folder that cannot be used.
    """
    count = count_train(config.data) if images is None else images
    if count is None:
        return
    if count < 2:
        raise ConfigError.at("data.path", "There is only one training image; a batch needs two or more.")
    problems = []
    batch, k = config.training.batch_size, config.knn.k
    if batch > count:
        sentence = f"Batch size is {batch}, more than the {count} training images; choose at most {count}."
        problems.append(Problem("training.batch_size", sentence))
    if k is not None and k > count:
        sentence = f"k is {k}, more than the {count} training images; choose at most {count}."
        problems.append(Problem("knn.k", sentence))
    if problems:
        raise ConfigError(problems)
