"""Selection of labels: stratified, seeded subsets with exact counts."""

from __future__ import annotations

import torch
from torch import Tensor

from simsiam_core.config import ConfigError
from simsiam_core.data import Dataset
from simsiam_core.data.image_set import stratified


def labelled(dataset: Dataset) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """Return training labels, test labels and class names. Raises ConfigError that says what is missing."""
    train, test = dataset.train, dataset.test
    if train.labels is None:
        raise ConfigError.at(
            "data",
            "The training images of this run have no labels; an evaluation needs a folder for each class, and two "
            "classes or more.",
        )
    if test is None or test.labels is None:
        raise ConfigError.at(
            "data", "This run's data has no labelled test images; put them under test/<class>/ beside train/."
        )
    if len(set(train.labels.tolist())) < 2:
        raise ConfigError.at(
            "data", f"The training images have one class only ({train.classes[0]}); at least two are needed."
        )
    return train.labels, test.labels, train.classes


def subset(labels: Tensor, count: int, seed: int) -> Tensor:
    """Choose exactly `count` row numbers, ascending; each class keeps its share to within one, and at least one.

    `labels`: int64 [N]. Raises ConfigError if there are fewer labels than classes.
    """
    present = len(labels.unique())
    if count < present:
        raise ConfigError.at(
            "labels_share",
            f"That share is {count} labels of {len(labels)}, fewer than the {present} classes; "
            f"take at least {present / len(labels):.2%} of the labels, or more images.",
        )
    return stratified(labels, count, seed)


def share_count(total: int, share: float) -> int:
    """Return the number of images in a share, rounded to the nearest: 10 % of 50,000 is 5,000."""
    return round(total * share)


def validation_split(labels: Tensor, share: float, seed: int) -> tuple[Tensor, Tensor]:
    """Return rows to fit on and rows for validation, both ascending; a class with two images is in both.

    The only image of a class is fitted on. Raises ConfigError if no class has two.
    """
    sizes = torch.bincount(labels)
    count = max(int((sizes > 1).sum()), share_count(len(labels), share))
    validation = stratified(labels, count, seed, keep=1)
    if not len(validation):
        raise ConfigError.at(
            "validation_share",
            f"{len(labels)} labelled images are too few to keep some aside for choosing; at least one class needs two.",
        )
    keep = torch.ones(len(labels), dtype=torch.bool)
    keep[validation] = False
    return keep.nonzero()[:, 0], validation
