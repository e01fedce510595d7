"""Antialiased crops of images of different sizes against torchvision, by the kernel and by batched operations."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.transforms import RandomResizedCrop
from torchvision.transforms.v2 import functional as TF

from simsiam_core.config import AugmentationConfig
from simsiam_core.data.augmentation import Augmentation
from simsiam_core.data.image_batch import ImageBatch
from simsiam_core.data.view_parameters import CROP_RATIO, Parameters, draw_unplaced

VIEW = 24
SIZES = [(24, 24), (90, 30), (31, 140), (9, 7), (64, 65), (24, 25), (120, 120), (1, 200)]
PLAIN = {"jitter_probability": 0.0, "grey_probability": 0.0}


def pictures() -> list[Tensor]:
    generator = torch.Generator().manual_seed(3)
    return [torch.randint(0, 256, (3, *size), generator=generator).to(torch.uint8) for size in SIZES]


def augmentation(**settings: float) -> Augmentation:
    return Augmentation(AugmentationConfig.model_validate(settings), VIEW, (0.0,) * 3, (1.0,) * 3)


def placed(batch: ImageBatch, seed: int, ours: Augmentation) -> Parameters:
    drawn = draw_unplaced(ours.config, len(batch), torch.Generator().manual_seed(seed))
    return drawn.placed(batch.heights, batch.widths)


def test_crops_equal_torchvisions_antialiased_ones(way: str) -> None:
    images, ours = pictures() * 25, augmentation(crop_scale_min=0.05, **PLAIN)
    batch = ImageBatch.of(images)
    p = placed(batch, 1, ours)
    boxes = torch.stack((p.top, p.left, p.height, p.width), 1).int().tolist()
    made = ours.viewable(batch, p)
    for image, box, flip, view in zip(images, boxes, p.flip, made, strict=True):
        theirs = TF.resized_crop(image / 255, *box, [VIEW, VIEW], antialias=True)
        theirs = TF.horizontal_flip(theirs) if flip else theirs
        assert float((view - theirs).abs().max()) < 1e-4, (image.shape, box)


def test_crops_of_a_wide_image_are_distributed_as_torchvisions() -> None:
    """Over the whole image, and with its centre taken where no try fits."""
    for size, scale in (((30, 120), (0.2, 1.0)), ((60, 50), (0.2, 1.0)), ((40, 44), (0.95, 1.0))):
        torch.manual_seed(0)
        blank = torch.zeros(3, *size)
        theirs = torch.tensor(
            [RandomResizedCrop.get_params(blank, list(scale), list(CROP_RATIO)) for _ in range(4000)]
        ).float()
        config = AugmentationConfig(crop_scale_min=scale[0], crop_scale_max=scale[1])
        p = draw_unplaced(config, 40_000, torch.Generator().manual_seed(1)).placed(
            *(torch.full((40_000,), side) for side in size)
        )
        ours = torch.stack((p.top, p.left, p.height, p.width), 1)
        error = 4.5 * theirs.std(0) / len(theirs) ** 0.5 + 1e-6
        assert ((ours.mean(0) - theirs.mean(0)).abs() < error).all(), (size, ours.mean(0), theirs.mean(0))
        quantiles = torch.tensor([0.1, 0.5, 0.9])
        assert (ours.quantile(quantiles, 0) - theirs.quantile(quantiles, 0)).abs().max() <= 2
        assert (ours[:, :2] >= 0).all() and (ours[:, 0] + ours[:, 2] <= size[0]).all()
        assert (ours[:, 1] + ours[:, 3] <= size[1]).all() and (ours[:, 1] + ours[:, 3] == size[1]).any()


def test_square_images_in_either_form_give_the_same_views(way: str) -> None:
    """Where no crop shrinks, antialiasing changes nothing."""
    images = torch.randint(0, 256, (40, 3, VIEW, VIEW)).to(torch.uint8)
    ours = augmentation(blur_probability=0.5)
    views = ours.views(images, torch.Generator().manual_seed(2))
    others = ours.views(ImageBatch.of_square(images), torch.Generator().manual_seed(2))
    for a, b in zip(views, others, strict=True):  # the same draws, but for rounding
        assert float(((a - b).abs().amax((1, 2, 3)) < 2e-4).float().mean()) > 0.9


def test_a_share_of_a_batch_gets_the_views_of_the_whole(way: str) -> None:
    images, ours = pictures(), augmentation()
    whole = ours.views(ImageBatch.of(images), torch.Generator().manual_seed(4))
    for index in range(2):
        half = ImageBatch.of(images[4 * index : 4 * index + 4])
        shares = ours.views(half, torch.Generator().manual_seed(4), share=(index, 2))
        for a, b in zip(whole, shares, strict=True):
            assert torch.equal(a[4 * index : 4 * index + 4], b)


def test_images_are_selected_gathered_and_repeated() -> None:
    images = pictures()
    batch, rows = ImageBatch.of(images), torch.tensor([5, 0, 7, 7])
    for chosen in (batch.select(rows), batch.gather(rows, torch.zeros(10**6, dtype=torch.uint8))):
        repeated = chosen.repeat(2)
        assert (repeated.shorter, repeated.longer) == (120, 200)
        for place, row in enumerate(rows.repeat(2).tolist()):
            start, count = int(repeated.offsets[place]), images[row].numel()
            found = repeated.pixels[start : start + count].view_as(images[row])
            assert torch.equal(found, images[row])
