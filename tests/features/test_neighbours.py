from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from simsiam_core.features import neighbours
from simsiam_core.features.neighbours import search, vote


def unit(rows: int, dim: int, seed: int = 0) -> Tensor:
    return F.normalize(torch.randn(rows, dim, generator=torch.Generator().manual_seed(seed)), dim=1)


def assert_equal_to_brute_force(queries: Tensor, bank: Tensor, k: int) -> None:
    similarities, indices = search(queries, bank, k)
    truth = queries.double() @ bank.double().T
    best = truth.sort(dim=1, descending=True).values[:, :k]
    assert indices.shape == best.shape
    torch.testing.assert_close(similarities.double(), best, atol=1e-6, rtol=0)
    torch.testing.assert_close(truth.gather(1, indices), best, atol=1e-6, rtol=0)  # ties may swap, no more
    assert all(len(row.unique()) == len(row) for row in indices)


@pytest.mark.parametrize("k", [1, 7, 200])
def test_equal_to_float64_brute_force(k: int) -> None:
    assert_equal_to_brute_force(unit(300, 64, seed=1), unit(2000, 64), k)


@pytest.mark.parametrize("scores_at_once", [1, 900, 2999])
def test_pieces_of_any_size_give_the_same(monkeypatch: pytest.MonkeyPatch, scores_at_once: int) -> None:
    monkeypatch.setattr(neighbours, "SCORES_AT_ONCE", {"cpu": scores_at_once})
    monkeypatch.setattr(neighbours, "QUERIES_AT_ONCE", 3)
    assert_equal_to_brute_force(unit(10, 32, seed=1), unit(1001, 32), 9)


def test_a_k_above_the_bank_gives_all_of_it() -> None:
    assert_equal_to_brute_force(unit(4, 8, seed=1), unit(5, 8), 50)


def test_many_equal_rows_are_each_found_once() -> None:
    bank = unit(1, 8).repeat(40, 1)
    similarities, indices = search(bank[:1], bank, 40)
    assert sorted(indices[0].tolist()) == list(range(40))
    torch.testing.assert_close(similarities, torch.ones(1, 40))


def test_a_memory_map_serves_as_a_bank(tmp_path: Path) -> None:
    np.save(tmp_path / "bank.npy", unit(500, 16).numpy())
    assert_equal_to_brute_force(
        unit(3, 16, seed=1), torch.from_numpy(np.load(tmp_path / "bank.npy", mmap_mode="c")), 5
    )


def test_autocast_and_tf32_around_it_change_nothing_and_stay_as_they_were() -> None:
    queries, bank = unit(20, 64, seed=1), unit(500, 64)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert_equal_to_brute_force(queries, bank, 10)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


def test_vote_by_hand() -> None:
    similarities, labels = torch.tensor([[0.9, 0.8, 0.7]]), torch.tensor([[2, 0, 0]])
    scores = vote(similarities, labels, classes=4, temperature=0.1)
    nearest = np.exp(0.0)
    expected = [[np.exp(-1.0) + np.exp(-2.0), 0, nearest, 0]]
    torch.testing.assert_close(scores, torch.tensor(expected, dtype=torch.float32))


def test_the_temperature_decides_between_one_near_and_many_far() -> None:
    similarities, labels = torch.tensor([[0.9, 0.6, 0.6, 0.6]]), torch.tensor([[0, 1, 1, 1]])
    assert vote(similarities, labels, 2, temperature=0.1).argmax() == 0
    assert vote(similarities, labels, 2, temperature=10.0).argmax() == 1


def test_no_temperature_overflows() -> None:
    scores = vote(torch.tensor([[1.0, 0.5]]), torch.tensor([[1, 0]]), 2, temperature=1e-6)
    assert scores.tolist() == [[0.0, 1.0]]
