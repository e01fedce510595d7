"""What is drawn for a view is distributed as torchvision's."""

from __future__ import annotations

import math
from typing import Any

import torch
from torchvision.transforms import RandomResizedCrop

from simsiam_core.config import AugmentationConfig
from simsiam_core.data.view_parameters import CROP_RATIO, Parameters, draw

SIZE = 32


def drawn(count: int, seed: int, **settings: Any) -> Parameters:
    return draw(AugmentationConfig(**settings), SIZE, count, torch.Generator().manual_seed(seed))


def test_crops_are_distributed_as_torchvisions() -> None:
    """Mean and spread of height, width, top and left, and how often the whole image is taken."""
    for scale in ((0.2, 1.0), (0.95, 1.0)):  # of the second, many tries do not fit
        torch.manual_seed(0)
        blank = torch.zeros(3, SIZE, SIZE)
        theirs = torch.tensor(
            [RandomResizedCrop.get_params(blank, list(scale), list(CROP_RATIO)) for _ in range(6000)]
        ).float()
        p = drawn(60_000, 1, crop_scale_min=scale[0], crop_scale_max=scale[1])
        ours = torch.stack((p.top, p.left, p.height, p.width), 1)
        error = 4.5 * theirs.std(0) / math.sqrt(6000)  # four and a half standard errors
        assert ((ours.mean(0) - theirs.mean(0)).abs() < error).all()
        assert torch.allclose(ours.std(0), theirs.std(0), rtol=0.06)
        quantiles = torch.tensor([0.1, 0.25, 0.5, 0.75, 0.9])
        assert (ours.quantile(quantiles, 0) - theirs.quantile(quantiles, 0)).abs().max() <= 1
        whole = [float((t[:, 2:] == SIZE).all(1).float().mean()) for t in (ours, theirs)]
        assert abs(whole[0] - whole[1]) < 0.03


def test_crops_lie_within_the_image_in_whole_pixels() -> None:
    p = drawn(50_000, 2)
    for start, length in ((p.top, p.height), (p.left, p.width)):
        assert (start >= 0).all() and (length >= 1).all() and (start + length <= SIZE).all()
        assert (start == start.floor()).all() and (length == length.floor()).all()
        assert (start[length < SIZE] == 0).any() and (start + length == SIZE)[length < SIZE].any()


def test_colours_are_distributed_as_set() -> None:
    n = 40_000
    p = drawn(n, 5, blur_probability=0.3)
    jittered = p.hue != 0
    for share, probability in (
        (p.flip, 0.5),
        (jittered, 0.8),
        (p.grey, 0.2),
        (p.sigma > 0, 0.3),
    ):
        assert abs(float(share.float().mean()) - probability) < 0.012
    assert (p.factors[~jittered] == 1).all()
    factors = p.factors[jittered]
    assert 0.6 <= float(factors.min()) < 0.61 and 1.39 < float(factors.max()) <= 1.4
    assert abs(float(factors.mean()) - 1) < 0.005 and abs(float(factors.std()) - 0.8 / math.sqrt(12)) < 0.005
    assert abs(float(p.hue[jittered].std()) - 0.2 / math.sqrt(12)) < 0.002
    orders = torch.cat((p.blends, p.hue_after[:, None]), 1).unique(dim=0, return_counts=True)[1]
    assert len(orders) == 24 and (orders / n - 1 / 24).abs().max() < 0.006
    sigma = p.sigma[p.sigma > 0]
    assert float(sigma.min()) >= 0.1 and float(sigma.max()) <= 2


def test_strong_factors_never_become_negative() -> None:
    p = drawn(10_000, 0, brightness=1, jitter_probability=1)
    assert p.factors.min() >= 0


def test_certain_and_impossible_events() -> None:
    p = drawn(1000, 0, flip_probability=1, jitter_probability=0, grey_probability=0)
    assert p.flip.all() and not p.grey.any() and (p.sigma == 0).all() and (p.factors == 1).all()


def test_one_setting_leaves_the_others_draws_alone() -> None:
    a = drawn(100, 9)
    b = drawn(100, 9, hue=0.4, blur_probability=1.0, flip_probability=0.9)
    assert torch.equal(a.top, b.top) and torch.equal(a.factors, b.factors) and torch.equal(a.grey, b.grey)
    assert torch.equal(b.flip | a.flip, b.flip)
