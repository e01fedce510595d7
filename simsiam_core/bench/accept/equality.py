"""Checks that GPU and CPU compute the same results."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from simsiam_core.bench.accept.rows import Place, Row, within
from simsiam_core.bench.accept.training import OTHERS, ROTATING, STEPS, fit, furthest, small
from simsiam_core.config import AugmentationConfig
from simsiam_core.data import Augmentation, augmentation, load
from simsiam_core.data.image_batch import ImageBatch
from simsiam_core.data.view_parameters import Parameters
from simsiam_core.features.encode import encode
from simsiam_core.features.knn import chosen_k
from simsiam_core.features.neighbours import search, vote
from simsiam_core.training.objective import Objective

VIEWS, LOSSES, BF16 = 1e-3, 1e-4, 0.02
PREDICTIONS = 1  # out of 500 that rounding may change
METHODS: dict[str, dict[str, Any]] = {
    "SimSiam": {},
    "FastSiam": {"objective": {"views": 4}},
    "E-SimSiam": ROTATING,
    **OTHERS,
}


def check(place: Place) -> Iterator[Row]:
    """Compare with the CPU; without a GPU, with another CPU implementation if there is one, or itself."""
    note = "" if place.gpu else "the kernel of the CPU against the views that a GPU makes"
    yield within("views", _views_apart(place), VIEWS, note)
    yield within("views of larger images", _larger_apart(place), VIEWS, note)
    note = "" if place.gpu else "the CPU against itself"
    for name, method in METHODS.items():
        expected = _losses(place, method, device="cpu")
        yield within(
            f"{STEPS} losses, fp32, {name}", furthest(_losses(place, method), expected), LOSSES, note
        )
        if name == "SimSiam":
            half = _losses(place, method, precision="bf16-mixed")
            yield within(f"{STEPS} losses, bf16, {name}", furthest(half, expected), BF16)
    yield _predictions(place, note)


def _losses(place: Place, method: dict[str, Any], **training: Any) -> list[float]:
    settings = {"precision": "32-true", "compile": "never", **training}
    return fit(small(place, {"training": settings}, method=method), views_of_the_cpu=True).losses


def _views_apart(place: Place) -> float:
    """Return the largest pixel difference, on the scale 0..1, for equal augmentation parameters."""
    size, count = 32, 512
    augment = Augmentation(AugmentationConfig(blur_probability=0.5), size, (0.5,) * 3, (0.25,) * 3)
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 3, size, size), dtype=torch.uint8, generator=generator)
    drawn = augment.draw(count, generator)
    return _apart(place, augment, images, drawn)


def _larger_apart(place: Place) -> float:
    """Return the same for antialiased crops of images of different sizes, with the steps that are off elsewhere.

    Solarisation is not among them: rounding decides on which side of its threshold a pixel lies.
    """
    late = {"vertical_flip_probability": 0.5, "rotation_degrees": 20.0, "erase_probability": 0.5}
    augment = Augmentation(AugmentationConfig.model_validate(late), 32, (0.5,) * 3, (0.25,) * 3)
    generator = torch.Generator().manual_seed(0)
    sizes = torch.randint(24, 160, (128, 2), generator=generator).tolist()
    batch = ImageBatch.of(
        [torch.randint(0, 256, (3, *size), dtype=torch.uint8, generator=generator) for size in sizes]
    )
    return _apart(place, augment, *augment.draw_for(batch, generator))


def _apart(place: Place, augment: Augmentation, images: Tensor | ImageBatch, drawn: Parameters) -> float:
    ours, device = augment.viewable(images, drawn), torch.device(place.device)
    if place.gpu:
        theirs = augment.viewable(images.to(device), drawn.to(device))
    else:
        with patch.object(augmentation, "cpu_kernel", lambda: None):
            theirs = augment.viewable(images, drawn)
    return float((ours - theirs.cpu()).abs().max())


def _predictions(place: Place, note: str) -> Row:
    """Compare kNN predictions of an untrained network on both devices, in fp32."""
    config = small(place, {"data": {"train_limit": 2000, "test_limit": 500}} if place.gpu else {})
    dataset = load(config.data)
    train, test = dataset.train, dataset.split("test")
    assert train.labels is not None
    torch.manual_seed(0)
    network = Objective(config, dataset.mean, dataset.std).network()

    def votes(device: str) -> Tensor:
        from simsiam_core.model import Encoder

        backbone = network.backbone.to(device).eval()
        encoder = Encoder(backbone, config, dataset.mean, dataset.std, train.classes, 0, 0)
        bank, queries = (
            encode(encoder, images, device, out=torch.empty(len(images), encoder.dim, device=device))
            for images in (train, test)
        )
        assert train.labels is not None
        similarities, rows = search(queries, bank, config.knn.k or chosen_k(train.labels))
        labels = train.labels.to(device)[rows]
        return vote(similarities, labels, len(train.classes), config.knn.temperature).argmax(dim=1).cpu()

    differing = int((votes("cpu") != votes(place.device)).sum())
    return within(f"kNN predictions that differ, of {len(test)}", differing, PREDICTIONS, note)
