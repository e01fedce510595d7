"""The batched augmentation against torchvision: equal for equal parameters."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
import torchvision.transforms.functional as TF
from torch import Tensor

from simsiam_core.config import AugmentationConfig
from simsiam_core.data.augmentation import Augmentation, normalise
from simsiam_core.data.view_parameters import Parameters

SIZE = 32
MEAN, STD = (0.49, 0.48, 0.45), (0.25, 0.24, 0.26)
TOLERANCE = 1e-4  # of a scale from 0 to 1: a fortieth of one grey level

pytestmark = pytest.mark.usefixtures("way")


def augmentation(**settings: Any) -> Augmentation:
    return Augmentation(AugmentationConfig(**settings), SIZE, MEAN, STD)


def random_images(count: int, size: int = SIZE) -> Tensor:
    images = torch.randint(0, 256, (count, 3, size, size), generator=torch.Generator().manual_seed(7))
    images[0] = images[0, :1]  # one without colour: its hue is undefined
    return images.to(torch.uint8)


def nothing(count: int) -> Parameters:
    """Parameters that leave every image as it is."""
    zero, whole, off = (
        torch.zeros(count),
        torch.full((count,), float(SIZE)),
        torch.zeros(count, dtype=torch.bool),
    )
    order, last = torch.arange(3).expand(count, 3), torch.full((count,), 3)
    return Parameters(zero, zero, whole, whole, off, order, torch.ones(count, 3), zero, last, off, zero)


def worst(ours: Tensor, theirs: list[Tensor]) -> float:
    return float((ours - torch.stack(theirs)).abs().max())


def seed(value: int) -> torch.Generator:
    return torch.Generator().manual_seed(value)


def test_nothing_to_do_changes_nothing() -> None:
    images = random_images(6)
    ours = augmentation(blur_probability=0.5).viewable(images, nothing(6))
    assert worst(ours, list(images / 255)) < 1e-5


def test_crop_equals_resized_crop_with_antialiasing() -> None:
    count = 200
    images, drawn = random_images(count), augmentation().draw(count, seed(0))
    parameters = dataclasses.replace(
        nothing(count), top=drawn.top, left=drawn.left, height=drawn.height, width=drawn.width
    )
    boxes = torch.stack((drawn.top, drawn.left, drawn.height, drawn.width), 1).int().tolist()
    theirs = [
        TF.resized_crop(i / 255, *box, [SIZE, SIZE], antialias=True)
        for i, box in zip(images, boxes, strict=True)
    ]
    assert worst(augmentation().viewable(images, parameters), theirs) < TOLERANCE


def test_smallest_crop_and_flip() -> None:
    images = random_images(4)
    one = torch.ones(4)
    parameters = dataclasses.replace(
        nothing(4),
        top=31 * one,
        left=5 * one,
        height=one,
        width=3 * one,
        flip=torch.tensor([True, False] * 2),
    )
    theirs = [TF.resized_crop(image / 255, 31, 5, 1, 3, [SIZE, SIZE], antialias=True) for image in images]
    theirs = [TF.hflip(image) if index % 2 == 0 else image for index, image in enumerate(theirs)]
    assert worst(augmentation().viewable(images, parameters), theirs) < TOLERANCE


@pytest.mark.parametrize(
    ("kind", "adjust"), [(0, TF.adjust_brightness), (1, TF.adjust_contrast), (2, TF.adjust_saturation)]
)
def test_blends_equal_torchvision(kind: int, adjust: Any) -> None:
    images, factors = random_images(40), torch.linspace(0, 2, 40)
    table = torch.ones(40, 3)
    table[:, kind] = factors
    ours = augmentation().viewable(images, dataclasses.replace(nothing(40), factors=table))
    theirs = [adjust(image / 255, float(f)) for image, f in zip(images, factors, strict=True)]
    assert worst(ours, theirs) < TOLERANCE


def test_hue_equals_torchvision() -> None:
    images, shifts = random_images(41), torch.linspace(-0.5, 0.5, 41)
    ours = augmentation().viewable(images, dataclasses.replace(nothing(41), hue=shifts))
    theirs = [TF.adjust_hue(image / 255, float(s)) for image, s in zip(images, shifts, strict=True)]
    assert worst(ours, theirs) < TOLERANCE


def test_grey_equals_torchvision() -> None:
    images = random_images(6)
    chosen = torch.tensor([True, False] * 3)
    ours = augmentation().viewable(images, dataclasses.replace(nothing(6), grey=chosen))
    theirs = [TF.rgb_to_grayscale(i / 255, 3) if c else i / 255 for i, c in zip(images, chosen, strict=True)]
    assert worst(ours, theirs) < TOLERANCE


def test_blur_equals_torchvision() -> None:
    images, sigmas = random_images(20), torch.linspace(0.1, 2, 20)
    parameters = dataclasses.replace(nothing(20), sigma=sigmas)
    ours = augmentation(blur_probability=1, blur_sigma_max=2).viewable(images, parameters)
    theirs = [
        TF.gaussian_blur(i / 255, [13, 13], [float(s)] * 2) for i, s in zip(images, sigmas, strict=True)
    ]
    assert worst(ours, theirs) < TOLERANCE


def test_blur_wider_than_the_image_still_works() -> None:
    views = augmentation(blur_probability=1, blur_sigma_max=10).views(random_images(3), seed(0))
    assert all(torch.isfinite(view).all() for view in views)


def one_by_one(image: Tensor, p: Parameters, i: int) -> Tensor:
    """The i-th view, made by torchvision's functions in the order the parameters give."""
    box = [int(t[i]) for t in (p.top, p.left, p.height, p.width)]
    view = TF.resized_crop(image / 255, *box, [SIZE, SIZE], antialias=True)
    blends = (TF.adjust_brightness, TF.adjust_contrast, TF.adjust_saturation)
    steps: list[tuple[Any, float]] = [(blends[int(p.blends[i, j])], float(p.factors[i, j])) for j in range(3)]
    steps.insert(int(p.hue_after[i]), (TF.adjust_hue, float(p.hue[i])))
    for function, value in steps:
        view = function(view, value)
    view = TF.rgb_to_grayscale(view, 3) if p.grey[i] else view
    view = TF.gaussian_blur(view, [13, 13], [float(p.sigma[i])] * 2) if p.sigma[i] > 0 else view
    return TF.normalize(TF.hflip(view) if p.flip[i] else view, MEAN, STD)


def test_whole_chain_in_random_order_equals_torchvision() -> None:
    count, ours = 300, augmentation(blur_probability=0.5)
    images, parameters = random_images(count), ours.draw(count, seed(3))
    orders = torch.cat((parameters.blends, parameters.hue_after[:, None]), 1)
    assert len(orders.unique(dim=0)) == 24
    theirs = [one_by_one(image, parameters, i) for i, image in enumerate(images)]
    assert worst(ours.apply(images, parameters), theirs) < TOLERANCE / min(STD)


def test_views_are_reproducible_and_differ() -> None:
    images, ours = random_images(16), augmentation()
    generator = seed(4)
    first = ours.views(images, generator)
    again = ours.views(images, seed(4))
    later = ours.views(images, generator)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], first[1]) and not torch.equal(first[0], later[0])
    assert first[0].shape == (16, 3, SIZE, SIZE) and first[0].dtype == torch.float32
    assert len(ours.views(images, generator, count=4)) == 4


def test_each_view_belongs_to_its_own_image() -> None:
    images = (torch.arange(8) * 30).to(torch.uint8).view(8, 1, 1, 1).expand(8, 3, SIZE, SIZE)
    for view in augmentation(jitter_probability=0).views(images, seed(0), count=3):
        shown = view * torch.tensor(STD).view(3, 1, 1) + torch.tensor(MEAN).view(3, 1, 1)
        assert torch.allclose(shown.mean((1, 2, 3)) * 255, torch.arange(8) * 30.0, atol=0.1)


def test_normalise_equals_torchvision() -> None:
    images = random_images(5)
    theirs = torch.stack([TF.normalize(image / 255, MEAN, STD) for image in images])
    assert torch.allclose(normalise(images, MEAN, STD), theirs, atol=1e-5)


def test_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must be \(4, 3, 32, 32\)"):
        augmentation().views(random_images(2, size=16), seed(0))
