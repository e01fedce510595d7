"""Feature extraction: the backbone's output under evaluation transforms, l2-normalised."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from simsiam_core.data import ImageSet, Progress, normalise
from simsiam_core.data.memory import free_bytes, is_out_of_memory
from simsiam_core.data.placement import Placed
from simsiam_core.model import Encoder
from simsiam_core.model.cost import cost
from simsiam_core.model.precision import true_fp32

CPU_PIXELS = 2**18  # per batch: 256 images of 32 px; larger batches are no faster on a CPU
GPU_BYTES = 4e9  # maximum GPU memory for a batch
GPU_SHARE = 0.25  # maximum share of the free GPU memory for a batch
COPIES = 8  # of the network's largest tensor that a GPU holds for each image of a batch
BATCHES_A_COPY = 8  # batches copied from the GPU together, so that it does not wait for each copy


def best_device() -> str:
    """Return "cuda" if a GPU is available, else "cpu"."""
    return "cuda" if torch.cuda.is_available() else "cpu"


@torch.no_grad()
def encode(
    encoder: Encoder,
    images: ImageSet,
    device: str = "cpu",
    progress: Progress | None = None,
    out: Tensor | None = None,
    half: torch.dtype | None = None,
) -> Tensor:
    """Encode images as features, float32 [N, dim], l2-normalised, in main memory or in `out`.

    Images are not cropped or flipped, only normalised with the mean and std of the checkpoint. `out`, float32
    [N, dim], is filled batch by batch if given, and may be a memory map or on a GPU. The network computes in
    true fp32, or under autocast to `half`. When out of memory, the batch size is halved; at batch size 1 the
    error is raised.
    """
    place = torch.device(device)
    encoder.backbone.to(place)
    features = torch.empty(len(images), encoder.dim) if out is None else out
    done, batch = 0, min(_batch_size(encoder, images.images.shape[-1], place), max(1, len(images)))
    while done < len(images):
        full = False
        try:
            for rows in _encoded(encoder, images.images, features, done, batch, place, half):
                done = rows
                if progress is not None and done < len(images):
                    progress(done / len(images), f"Encoding images: {done:,} of {len(images):,}")
        except Exception as problem:
            if batch == 1 or not is_out_of_memory(problem):
                raise
            full = True  # handled outside the except block: the exception keeps its frames' tensors alive
        if full:
            batch //= 2
            gc.collect()
            if place.type == "cuda":
                torch.cuda.empty_cache()
    return features


def _batch_size(encoder: Encoder, side: int, place: torch.device) -> int:
    if place.type == "cpu":
        return max(1, CPU_PIXELS // side**2)
    image_bytes = COPIES * cost(encoder.config.model, side).largest_bytes + 48 * side**2
    return max(1, int(min(GPU_BYTES, GPU_SHARE * free_bytes(place)) / image_bytes))


def _encoded(
    encoder: Encoder,
    images: Tensor,
    features: Tensor,
    start: int,
    batch: int,
    place: torch.device,
    half: torch.dtype | None,
) -> Iterator[int]:
    """Fill `features` from row `start`; yields the number of rows done before each batch and at the end."""
    copied_alone = features.device.type == place.type or place.type == "cpu"
    waiting: list[Tensor] = []
    first = start
    for begin, pixels in _batches(images, start, batch, place):
        yield first
        with torch.autocast(place.type, half) if half else true_fp32(place.type):
            inputs = normalise(pixels, encoder.mean, encoder.std)
            inputs = inputs.contiguous(memory_format=torch.channels_last)  # same layout as the weights
            found = F.normalize(encoder.backbone(inputs).float(), dim=1)
        end = min(begin + batch, len(images))
        waiting.append(found[: end - begin])
        if copied_alone or len(waiting) == BATCHES_A_COPY or end == len(images):
            features[first:end] = waiting[0] if len(waiting) == 1 else torch.cat(waiting)
            waiting, first = [], end
    yield first


def _batches(images: Tensor, start: int, batch: int, place: torch.device) -> Iterator[tuple[int, Tensor]]:
    """Yield the first row of each batch and its images on the device.

    On a GPU the last batch is padded to full size, so that kernels are selected for one shape only.
    """
    starts = range(start, len(images), batch)
    if place.type == "cpu":
        for begin in starts:
            yield begin, images[begin : begin + batch].to(place)
        return
    rows = [torch.arange(begin, begin + batch).clamp(max=len(images) - 1) for begin in starts]
    placed = Placed(images, place, resident=images.device.type == place.type)
    yield from zip(starts, placed.batches(rows), strict=True)
