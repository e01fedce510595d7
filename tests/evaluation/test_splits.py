from __future__ import annotations

import pytest
import torch

from simsiam_core.config import ConfigError
from simsiam_core.data import Dataset, ImageSet
from simsiam_core.evaluation.splits import labelled, share_count, subset, validation_split

LABELS = torch.arange(1000) % 10


def test_ten_per_cent_are_exactly_ten_per_cent_of_each_class() -> None:
    rows = subset(LABELS, share_count(1000, 0.1), seed=3)
    assert len(rows) == 100 and len(set(rows.tolist())) == 100
    assert torch.bincount(LABELS[rows]).tolist() == [10] * 10


def test_a_seed_gives_its_subset_again_and_another_gives_another() -> None:
    assert torch.equal(subset(LABELS, 50, 1), subset(LABELS, 50, 1))
    assert not torch.equal(subset(LABELS, 50, 1), subset(LABELS, 50, 2))


def test_uneven_classes_keep_their_shares_and_none_is_left_out() -> None:
    labels = torch.tensor([0] * 990 + [1] * 10)
    assert torch.bincount(labels[subset(labels, 10, 0)]).tolist() == [9, 1]


def test_fewer_labels_than_classes_is_a_sentence() -> None:
    with pytest.raises(ConfigError, match="9 labels of 1000, fewer than the 10 classes"):
        subset(LABELS, 9, 0)


def test_validation_and_fitting_rows_share_nothing() -> None:
    fitted, kept = validation_split(LABELS, 0.1, seed=0)
    assert len(kept) == 100 and len(fitted) == 900
    assert not set(fitted.tolist()) & set(kept.tolist())
    with pytest.raises(ConfigError, match="too few"):
        validation_split(torch.arange(10), 0.1, 0)


def images(labels: list[int] | None) -> ImageSet:
    count = 4
    tensor = None if labels is None else torch.tensor(labels)
    names = tuple(str(i) for i in range(count))
    return ImageSet(torch.zeros(count, 3, 8, 8, dtype=torch.uint8), tensor, ("cat", "dog"), names)


@pytest.mark.parametrize(
    ("train", "test", "sentence"),
    [
        (None, [0, 0, 1, 1], "training images of this run have no labels"),
        ([0, 0, 1, 1], None, "no labelled test images"),
        ([0, 0, 0, 0], [0, 0, 1, 1], r"one class only \(cat\)"),
    ],
)
def test_what_is_missing_is_said(train: list[int] | None, test: list[int] | None, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        labelled(Dataset(images(train), images(test)))
