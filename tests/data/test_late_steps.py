"""Vertical flip, rotation, solarisation and erasing: equal to torchvision's, and nothing where they are off."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
import torchvision.transforms.functional as TF
from torch import Tensor
from torchvision.transforms import InterpolationMode, RandomErasing

from simsiam_core.config import AugmentationConfig
from simsiam_core.data.augmentation import Augmentation
from simsiam_core.data.image_batch import ImageBatch
from simsiam_core.data.late_steps import ERASED_AREA, ERASED_RATIO, draw_late

SIZE, COUNT = 24, 60
MEAN, STD = (0.49, 0.48, 0.45), (0.25, 0.24, 0.26)
ALL = {
    "vertical_flip_probability": 0.5,
    "rotation_degrees": 30.0,
    "solarise_probability": 0.4,
    "erase_probability": 0.6,
}


def augmentation(**settings: Any) -> Augmentation:
    return Augmentation(AugmentationConfig(**settings), SIZE, MEAN, STD)


def images() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (COUNT, 3, SIZE, SIZE), generator=generator).to(torch.uint8)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def steps() -> list[dict[str, float]]:
    return [{}, *({name: value} for name, value in ALL.items()), ALL]


@pytest.mark.parametrize("on", steps(), ids=lambda on: "all" if len(on) > 1 else next(iter(on), "none"))
def test_views_equal_torchvisions(way: str, on: dict[str, float]) -> None:
    """The views without these steps, then torchvision's functions with the parameters drawn."""
    ours = augmentation(blur_probability=0.5, **on)
    parameters = ours.draw(COUNT, generator())
    before = augmentation(blur_probability=0.5).apply(images(), replace(parameters, late=None))
    late = parameters.late
    assert (late is None) is not bool(on)
    theirs = []
    for i, view in enumerate(before):
        if late is not None:
            view = TF.vflip(view) if late.turned_over[i] else view
            view = TF.rotate(view, float(late.angle[i]), InterpolationMode.BILINEAR)
            if late.solarised[i]:
                plain = view * torch.tensor(STD).view(3, 1, 1) + torch.tensor(MEAN).view(3, 1, 1)
                view = TF.normalize(TF.solarize(plain.clamp(0, 1), 0.5), MEAN, STD)
            box = [int(part[i]) for part in (late.top, late.left, late.height, late.width)]
            view = TF.erase(view, *box, torch.zeros(()))
        theirs.append(view)
    difference = (ours.apply(images(), parameters) - torch.stack(theirs)).abs()
    assert float(difference.quantile(0.999)) < 1e-4  # a pixel at exactly middle grey may fall to either side
    assert float((difference > 1e-3).float().mean()) < 1e-3


def test_off_means_the_same_views_and_the_same_random_numbers() -> None:
    plain, on = augmentation(), augmentation(**{**ALL, "rotation_degrees": 1e-9, "erase_probability": 1e-9})
    first, second = generator(), generator()
    assert draw_late(plain.config, SIZE, 4, first) is None
    assert torch.equal(torch.rand(3, generator=first), torch.rand(3, generator=second))
    assert torch.equal(plain.draw(COUNT, generator()).factors, on.draw(COUNT, generator()).factors)


def test_a_share_of_a_batch_gets_the_views_of_the_whole(way: str) -> None:
    ours, pixels = augmentation(**ALL), images()[:8]
    for form in (lambda part: part, lambda part: ImageBatch.of(list(part))):
        whole = ours.views(form(pixels), generator())
        half = ours.views(form(pixels[4:]), generator(), share=(1, 2))
        assert all(torch.equal(a[4:], b) for a, b in zip(whole, half, strict=True))


def test_the_preview_shows_what_training_sees() -> None:
    ours = augmentation(**ALL)
    parameters = ours.draw(COUNT, generator())
    shown, trained = ours.viewable(images(), parameters), ours.apply(images(), parameters)
    assert torch.allclose(TF.normalize(shown, MEAN, STD), trained, atol=1e-4)


def test_draws_are_distributed_as_set() -> None:
    n = 20_000
    late = draw_late(AugmentationConfig(**ALL), 32, n, generator())
    assert late is not None
    erased = late.height > 0
    for share, expected in ((late.turned_over, 0.5), (late.solarised, 0.4), (erased, 0.6)):
        assert abs(float(share.float().mean()) - expected) < 0.015
    assert float(late.angle.abs().max()) <= 30 and abs(float(late.angle.std()) - 60 / 12**0.5) < 0.3
    torch.manual_seed(0)
    theirs = torch.tensor(
        [RandomErasing.get_params(torch.zeros(3, 32, 32), ERASED_AREA, ERASED_RATIO)[:4] for _ in range(4000)]
    ).float()
    ours = torch.stack((late.top, late.left, late.height, late.width), 1)[erased]
    assert ((ours.mean(0) - theirs.mean(0)).abs() < 4.5 * theirs.std(0) / 4000**0.5).all()
    assert ((ours[:, :2] + ours[:, 2:]) <= 32).all() and (ours >= 0).all()


def test_grey_scale_images_can_be_left_without_jitter() -> None:
    grey = images()[:, :1].expand(-1, 3, -1, -1).contiguous()
    off = AugmentationConfig(jitter_grey_scale=False)
    plain = AugmentationConfig(jitter_probability=0.0, grey_probability=0.0)
    half, fifth = (0.5,) * 3, (0.2,) * 3
    for mean, config in ((half, plain), (MEAN, AugmentationConfig())):  # the second data set has colours
        ours, expected = (Augmentation(c, SIZE, mean, fifth).views(grey, generator()) for c in (off, config))
        assert all(torch.equal(a, b) for a, b in zip(ours, expected, strict=True))
