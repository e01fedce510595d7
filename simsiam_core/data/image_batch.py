"""Batches of images of different sizes: one flat tensor of pixels, with the place and size of each image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class ImageBatch:
    """Images of any sizes: image i is uint8 [3, heights[i], widths[i]] from `offsets[i]` on in `pixels`.

    `pixels` may be memory-mapped, and hold other images as well. All tensors are on one device. `shorter` and
    `longer` are the greatest shorter and longer side of any image, and known without reading a tensor back.
    """

    pixels: Tensor  # uint8 [P]
    offsets: Tensor  # int64 [n]
    heights: Tensor  # int64 [n]
    widths: Tensor  # int64 [n]
    shorter: int
    longer: int

    def __len__(self) -> int:
        return len(self.offsets)

    @property
    def device(self) -> torch.device:
        """Device of all tensors."""
        return self.pixels.device

    @property
    def nbytes(self) -> int:
        """Size of the pixels in bytes."""
        return self.pixels.nbytes

    @classmethod
    def of(cls, images: Sequence[Tensor]) -> ImageBatch:
        """Put uint8 images [3, H, W] side by side into memory."""
        heights, widths = (torch.tensor([image.shape[side] for image in images]) for side in (1, 2))
        return cls.at(torch.cat([image.flatten() for image in images]), heights, widths)

    @classmethod
    def of_square(cls, images: Tensor) -> ImageBatch:
        """View uint8 [n, 3, S, S] in this form."""
        count, side = len(images), images.shape[-1]
        sides = torch.full((count,), side, device=images.device)
        offsets = torch.arange(count, device=images.device) * (3 * side * side)
        return cls(images.contiguous().view(-1), offsets, sides, sides, side, side)

    @classmethod
    def at(cls, pixels: Tensor, heights: Tensor, widths: Tensor) -> ImageBatch:
        """Describe images that lie one after the other in `pixels`, with their sizes in main memory."""
        ends = (3 * heights * widths).cumsum(0)
        shorter, longer = torch.minimum(heights, widths).max(), torch.maximum(heights, widths).max()
        return cls(pixels, ends - 3 * heights * widths, heights, widths, int(shorter), int(longer))

    def select(self, rows: Tensor) -> ImageBatch:
        """Return the images at `rows`, int64 on the same device, without copying any pixels."""
        return self._with(self.pixels, lambda part: part.index_select(0, rows))

    def repeat(self, count: int) -> ImageBatch:
        """Return all images `count` times, without copying any pixels."""
        return self._with(self.pixels, lambda part: part.repeat(count))

    def to(self, device: torch.device, *, non_blocking: bool = False) -> ImageBatch:
        """Return the batch on a device."""
        pixels = self.pixels.to(device, non_blocking=non_blocking)
        return self._with(pixels, lambda part: part.to(device, non_blocking=non_blocking))

    def _with(self, pixels: Tensor, change: Callable[[Tensor], Tensor]) -> ImageBatch:
        offsets, heights, widths = change(self.offsets), change(self.heights), change(self.widths)
        return ImageBatch(pixels, offsets, heights, widths, self.shorter, self.longer)

    def record_stream(self, stream: torch.cuda.Stream) -> None:
        """Keep the memory of all tensors from being reused while `stream` reads them."""
        for tensor in (self.pixels, self.offsets, self.heights, self.widths):
            tensor.record_stream(stream)

    def gather(self, rows: Tensor, buffer: Tensor) -> ImageBatch:
        """Copy the images at `rows` into `buffer`, uint8 on the CPU with room for them."""
        chosen = self.select(rows)
        found = ImageBatch.at(buffer, chosen.heights, chosen.widths)
        lengths = (3 * chosen.heights * chosen.widths).tolist()
        spans = zip(chosen.offsets.tolist(), found.offsets.tolist(), lengths, strict=True)
        for start, target, length in spans:
            buffer[target : target + length] = self.pixels[start : start + length]
        whole = buffer[: found.offsets[-1] + lengths[-1]]
        return ImageBatch(whole, found.offsets, found.heights, found.widths, self.shorter, self.longer)

    def bytes_of(self, rows: Tensor) -> int:
        """Return the bytes of the pixels of the images at `rows`."""
        return int((3 * self.heights[rows] * self.widths[rows]).sum())
