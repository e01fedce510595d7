"""Checks that prefetched batches of images that do not fit on the GPU are correct, also under load."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from simsiam_core.bench.accept.rows import Place, Row, equal
from simsiam_core.data import ImageSet
from simsiam_core.training.batches import Batches

SIDES = (32, 224)
EPOCHS = 3


def check(place: Place) -> Iterator[Row]:
    """Compare batches prefetched while the device is busy with those of resident images."""
    for side in SIDES:
        count, batch = (2048 if place.gpu else 96), (128 if place.gpu else 16)
        generator = torch.Generator().manual_seed(side)
        pixels = torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8, generator=generator)
        images = ImageSet(pixels, None, (), tuple(map(str, range(count))))
        yield equal(f"batches that differ at {side} px", _differing(place, images, batch), 0)


def _differing(place: Place, images: ImageSet, batch: int) -> int:
    device = torch.device(place.device)
    resident, fetched = Batches(images, batch, seed=1), Batches(images, batch, seed=1)
    resident.to(device, resident=True)
    fetched.to(device, resident=False)
    load = torch.randn(4096 if place.gpu else 64, 4096 if place.gpu else 64, device=device)
    differing = torch.zeros((), dtype=torch.int64, device=device)
    for epoch in range(EPOCHS):
        for index in range(len(resident)):
            load = torch.nn.functional.normalize(load @ load)  # keeps the GPU busy, as a training step does
            pair = resident.batch(epoch, index), fetched.batch(epoch, index)
            assert isinstance(pair[0], Tensor) and isinstance(pair[1], Tensor)
            differing += (pair[0] != pair[1]).any()  # no synchronisation, to detect memory reused too early
    return int(differing)
