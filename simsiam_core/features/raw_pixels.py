"""Raw-pixel kNN baseline, which any representation has to beat, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from simsiam_core.data import ImageSet, Triple, normalise
from simsiam_core.data.image_set import stratified
from simsiam_core.data.memory import fits
from simsiam_core.features.knn import knn_accuracy
from simsiam_core.metrics.val_knn_accuracy_raw_pixels import RAW_PIXELS_ACCURACY
from simsiam_core.metrics.val_raw_pixels_images import RAW_PIXELS_IMAGES
from simsiam_core.metrics.val_raw_pixels_side import RAW_PIXELS_SIDE

PIXEL_BYTES = 2 * 10**9  # limit for the pixels of both splits as float32: all of CIFAR-10 and of STL-10 fit
SIDES = (32, 16, 8)  # px; larger images are reduced to the first that fits
CHUNK_BYTES = 2**26  # of float32 pixels converted at a time


@dataclass(frozen=True)
class RawPixels:
    """The raw-pixel accuracy, 0 to 1, and what it was measured on."""

    accuracy: float
    side: int  # of the images as they were compared
    images: int  # of the training split
    all_images: int
    whole: bool  # whether all images were compared in their full size

    @property
    def note(self) -> str:
        """A qualification to show with the accuracy; empty if all images were compared at full size."""
        parts = [f"at {self.side} px"] if not self.whole else []
        if self.images < self.all_images:
            parts.append(f"on {self.images:,} of {self.all_images:,} images")
        return ", ".join(parts)

    @property
    def metrics(self) -> dict[str, float]:
        """Entries for the metrics log: the accuracy, plus side and image count where they were reduced."""
        line: dict[str, float] = {RAW_PIXELS_ACCURACY: self.accuracy}
        if not self.whole:
            line[RAW_PIXELS_SIDE] = self.side
        if self.images < self.all_images:
            line[RAW_PIXELS_IMAGES] = self.images
        return line


@torch.no_grad()
def raw_pixel_accuracy(
    train: ImageSet,
    test: ImageSet,
    mean: Triple,
    std: Triple,
    k: int,
    temperature: float,
    device: str = "cpu",
) -> RawPixels:
    """Measure `knn_accuracy` with pixels as features. Both splits must have labels.

    If the pixels would exceed `PIXEL_BYTES`, images are downsampled by averaging; if even the smallest side
    is too large, a stratified sample of both splits is compared.
    """
    count, full = len(train) + len(test), train.images.shape[-1]
    side = next(
        (s for s in (full, *SIDES) if s <= full and _bytes(count, s) <= PIXEL_BYTES), min(SIDES[-1], full)
    )
    share = min(1.0, PIXEL_BYTES / _bytes(count, side))
    place = torch.device(
        device if fits(2 * int(share * _bytes(count, side)), torch.device(device)) else "cpu"
    )
    (bank, labels), (queries, truth) = (
        _features(part, side, share, mean, std, place) for part in (train, test)
    )
    accuracy = knn_accuracy(bank, labels, queries, truth, k, temperature)
    return RawPixels(accuracy, side, len(bank), len(train), side == full and share == 1)


def _bytes(count: int, side: int) -> int:
    return 4 * 3 * side**2 * count


def _features(
    images: ImageSet, side: int, share: float, mean: Triple, std: Triple, place: torch.device
) -> tuple[Tensor, Tensor]:
    """Return features, float32 [n, 3 · side²], and labels, int64 [n], of a share of the images."""
    assert images.labels is not None
    rows = None if share == 1 else stratified(images.labels, max(1, int(share * len(images))))
    labels = images.labels if rows is None else images.labels[rows]
    features = torch.empty(len(labels), 3 * side**2, device=place)
    for part, pixels in _chunks(images.images, rows):
        reduced = pixels if side == pixels.shape[-1] else F.adaptive_avg_pool2d(pixels.float(), side)
        features[part] = raw_pixel_features(reduced, mean, std).to(place)
    return features, labels.to(place)


def _chunks(images: Tensor, rows: Tensor | None) -> Iterator[tuple[slice, Tensor]]:
    """Yield chunks of nearly equal length: the output slice and the images."""
    count = len(images) if rows is None else len(rows)
    pieces = -(-_bytes(count, images.shape[-1]) // CHUNK_BYTES)
    for piece in range(pieces):
        part = slice(count * piece // pieces, count * (piece + 1) // pieces)
        yield part, images[part] if rows is None else images[rows[part]]


def raw_pixel_features(images: Tensor, mean: Triple, std: Triple) -> Tensor:
    """Return the network's input pixels, flattened and l2-normalised.

    Applies the evaluation transform to images [N, 3, S, S] on the scale 0..255; returns float32 [N, 3·S·S].
    """
    return F.normalize(normalise(images, mean, std).flatten(1), dim=1)
