"""Image sets: ids, selection and stratified choice."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from simsiam_core.data import Dataset, ImageSet, memory
from simsiam_core.data.image_set import stratified


def image_set(count: int = 6) -> ImageSet:
    images = torch.arange(count, dtype=torch.uint8).view(-1, 1, 1, 1).expand(count, 3, 2, 2)
    ids = tuple(f"train/{i}" for i in range(count))
    return ImageSet(images, torch.arange(count) % 2, ("even", "odd"), ids)


def test_select_keeps_everything_together() -> None:
    chosen = image_set().select([4, 1])
    assert chosen.ids == ("train/4", "train/1") and len(chosen) == 2
    assert chosen.labels is not None and chosen.labels.tolist() == [0, 1]
    assert chosen.image("train/1").unique().tolist() == [1] and chosen.index_of("train/1") == 1
    assert image_set().select(torch.tensor([], dtype=torch.int64)).ids == ()


def test_an_unknown_id_is_named() -> None:
    with pytest.raises(KeyError, match="no image 'x' among these 6"):
        image_set().index_of("x")


def test_unequal_lengths_are_refused() -> None:
    whole = image_set()
    with pytest.raises(ValueError, match="equally many"):
        ImageSet(whole.images[:2], whole.labels, whole.classes, whole.ids)


def test_splits_by_name() -> None:
    whole = image_set()
    assert Dataset(whole, whole).split("test") is whole
    with pytest.raises(ValueError, match="no split 'test'; choose 'train'"):
        Dataset(whole, None).split("test")
    with pytest.raises(ValueError, match="no split 'val'"):
        Dataset(whole, None).split("val")


@pytest.mark.parametrize("count", [0, 1, 7, 50, 99, 100])
def test_stratified_is_exact_and_proportional(count: int) -> None:
    labels = torch.tensor([0] * 70 + [2] * 25 + [3] * 5)[
        torch.randperm(100, generator=torch.Generator().manual_seed(1))
    ]
    rows = stratified(labels, count)
    assert len(rows) == count == len(rows.unique()) and rows.tolist() == sorted(rows.tolist())
    shares = torch.bincount(labels[rows], minlength=4) - torch.tensor([70, 0, 25, 5]) * count / 100
    assert shares.abs().max() < 1
    assert torch.equal(rows, stratified(labels, count))


def test_neighbouring_parts_are_joined_without_a_copy() -> None:
    whole = torch.arange(48, dtype=torch.uint8).view(4, 3, 2, 2).clone()
    for first, second, copied in ((whole[:3], whole[3:], False), (whole[3:], whole[:3], True)):
        found = memory.joined(first, second)
        assert torch.equal(found, torch.cat((first, second)))
        assert (found.untyped_storage().data_ptr() != whole.untyped_storage().data_ptr()) is copied


def test_a_large_choice_is_copied_into_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMSIAM_CACHE", str(tmp_path / "cache"))
    in_memory = image_set(100).limit(40)
    monkeypatch.setattr(memory, "COPIED_BYTES", 200)
    in_file = image_set(100).limit(40)
    assert torch.equal(in_memory.images, in_file.images) and in_memory.ids == in_file.ids
    assert (tmp_path / "cache").is_dir() and not list((tmp_path / "cache").iterdir())
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SIMSIAM_CACHE", str(tmp_path / "file"))
    with pytest.raises(OSError, match="exists"):
        image_set(100).limit(40)
