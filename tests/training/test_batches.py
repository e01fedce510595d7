from __future__ import annotations

import torch

from simsiam_core.data import ImageSet
from simsiam_core.training.batches import Batches, counter_seed


def numbered(count: int) -> ImageSet:
    """Images that carry their row number in every pixel."""
    images = torch.arange(count, dtype=torch.uint8)[:, None, None, None].expand(count, 3, 2, 2)
    return ImageSet(images.contiguous(), None, (), tuple(f"train/{i}" for i in range(count)))


def rows(batches: Batches, epoch: int) -> list[int]:
    return [int(v) for i in range(len(batches)) for v in batches.batch(epoch, i)[:, 0, 0, 0]]


def test_an_epoch_shows_each_image_at_most_once_and_drops_the_incomplete_batch() -> None:
    batches = Batches(numbered(23), batch_size=5, seed=0)
    assert len(batches) == 4
    assert len(set(rows(batches, 0))) == 20


def test_order_depends_on_seed_and_epoch_alone() -> None:
    once, again = Batches(numbered(40), 8, seed=3), Batches(numbered(40), 8, seed=3)
    first = rows(once, 0)
    assert rows(once, 1) != first
    assert rows(again, 1) == rows(once, 1)
    assert rows(again, 0) == first
    assert rows(Batches(numbered(40), 8, seed=4), 0) != first


def test_a_batch_can_be_had_without_those_before_it() -> None:
    batches = Batches(numbered(40), 8, seed=3)
    torch.testing.assert_close(Batches(numbered(40), 8, seed=3).batch(7, 3), batches.batch(7, 3))


def test_counter_seeds_differ_and_fit_a_generator() -> None:
    seeds = {counter_seed(a, b) for a in range(50) for b in range(50)}
    assert len(seeds) == 2500
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert counter_seed(1, 2) != counter_seed(2, 1)
