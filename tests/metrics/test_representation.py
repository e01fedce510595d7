from __future__ import annotations

import pytest
import torch

from simsiam_core.metrics.representation_effective_rank import effective_rank
from simsiam_core.metrics.representation_std import representation_std


def gaussian(rows: int, dim: int) -> torch.Tensor:
    return torch.randn(rows, dim, generator=torch.Generator().manual_seed(0))


def test_std_is_one_for_an_even_spread_and_zero_for_a_point() -> None:
    assert float(representation_std(gaussian(2000, 128))) == pytest.approx(1, abs=0.01)
    assert float(representation_std(torch.ones(64, 128))) == pytest.approx(0, abs=1e-6)


def test_std_looks_at_directions_alone() -> None:
    z = gaussian(100, 16)
    lengths = torch.linspace(0.1, 50, 100)[:, None]
    torch.testing.assert_close(representation_std(z * lengths), representation_std(z))


def test_std_by_hand() -> None:
    z = torch.tensor([[2.0, 0.0], [0.0, 3.0]])  # normalised: each dimension is 1 once and 0 once
    assert float(representation_std(z)) == pytest.approx(0.5**0.5 * 2**0.5)


@pytest.mark.parametrize(("rows", "dim"), [(40, 12), (12, 40), (30, 30)])
def test_rank_is_the_formula_whichever_side_is_smaller(rows: int, dim: int) -> None:
    z = gaussian(rows, dim)
    singular = torch.linalg.svdvals(z.double())
    share = singular / singular.sum()
    expected = float((-(share * share.log()).sum()).exp())
    assert float(effective_rank(z)) == pytest.approx(expected, rel=1e-5)


def test_rank_counts_equal_directions() -> None:
    assert float(effective_rank(torch.eye(6, 20) * 3)) == pytest.approx(6)
    assert float(effective_rank(torch.ones(500, 256))) == pytest.approx(1, abs=1e-3)  # collapsed
    assert float(effective_rank(torch.zeros(8, 4))) == pytest.approx(1)


def test_a_diverged_network_gives_nan_and_no_error() -> None:
    z = gaussian(8, 4)
    z[3, 2] = torch.inf
    assert effective_rank(z).isnan()
    assert representation_std(z).isnan()


def test_both_are_scalars_without_gradient_in_half_precision_too() -> None:
    z = gaussian(16, 8).bfloat16().requires_grad_()
    for value in (representation_std(z), effective_rank(z)):
        assert value.shape == ()
        assert value.dtype == torch.float32
        assert not value.requires_grad
