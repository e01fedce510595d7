"""Which labels are used: stratified, seeded subsets with exact counts."""

from __future__ import annotations

import torch
from torch import Tensor

from simsiam_core.config import ConfigError
from simsiam_core.data import Dataset


def labelled(dataset: Dataset) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """Training labels, test labels and class names. Raises ConfigError that says what is missing."""
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
    """Exactly `count` row numbers, ascending, each class's share kept to within one; at least one of each.

    `labels`: int64 [N]. Shares are rounded by largest remainder, then classes left empty take one from the
    largest. Raises ConfigError where there are fewer labels than classes.
    """
    sizes = torch.bincount(labels)
    present = int((sizes > 0).sum())
    if count < present:
        raise ConfigError.at(
            "labels_share",
            f"That share is {count} labels of {len(labels)}, fewer than the {present} classes; "
            f"take at least {present / len(labels):.2%} of the labels, or more images.",
        )
    shares = sizes.double() * count / len(labels)
    taken = shares.floor().long()
    left_over = count - int(taken.sum())
    taken[(shares - taken).argsort(descending=True, stable=True)[:left_over]] += 1
    for empty in ((taken == 0) & (sizes > 0)).nonzero()[:, 0].tolist():
        taken[int(taken.argmax())] -= 1
        taken[empty] += 1
    shuffled = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    chosen = [shuffled[labels[shuffled] == c][: int(taken[c])] for c in range(len(sizes))]
    return torch.cat(chosen).sort().values


def share_count(total: int, share: float) -> int:
    """How many images a share is: rounded to the nearest, 10 % of 50,000 is 5,000."""
    return round(total * share)


def validation_split(labels: Tensor, share: float, seed: int) -> tuple[Tensor, Tensor]:
    """Rows to fit on and rows to choose with, both ascending; every class is in both where it has two images.

    Raises ConfigError where a class has a single image or the share leaves no row a class.
    """
    classes = int((torch.bincount(labels) > 0).sum())
    count = max(classes, share_count(len(labels), share))
    if len(labels) - count < classes:
        raise ConfigError.at(
            "validation_share",
            f"{len(labels)} labelled images are too few to keep {count} aside for choosing.",
        )
    validation = subset(labels, count, seed)
    keep = torch.ones(len(labels), dtype=torch.bool)
    keep[validation] = False
    return keep.nonzero()[:, 0], validation
