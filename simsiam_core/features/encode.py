"""Images to features: the backbone's output under evaluation transforms, l2-normalised."""

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
from simsiam_core.model.precision import true_fp32

CPU_PIXELS = 2**18  # of a batch: 256 images of 32 px, beyond which a CPU gains nothing
GPU_BYTES = 4e9  # of a GPU's memory that a batch may take, and the share of what is free there
GPU_SHARE = 0.25
STEM_STRIDE = {"cifar": 1, "stride2": 2}  # 4 otherwise
BATCHES_A_COPY = 8  # whose features leave a GPU together: it never waits for the copy of each


def best_device() -> str:
    """Return a GPU when there is one."""
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
    """Encode every image: float32 [N, dim], l2-normalised, in main memory or wherever `out` is.

    No crops and no flips: the image as it is, normalised with the mean and std of the checkpoint.
    `out` float32 [N, dim] is filled batch by batch, if given: a memory map, say, or a GPU's memory. The network
    computes in true fp32, or under autocast to `half`. Where memory runs out, batches are halved; with one image
    a batch the error is raised.
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
            full = True  # left first: the exception keeps the tensors of its frames alive
        if full:
            batch //= 2
            gc.collect()
            if place.type == "cuda":
                torch.cuda.empty_cache()
    return features


def _batch_size(encoder: Encoder, side: int, place: torch.device) -> int:
    if place.type == "cpu":
        return max(1, CPU_PIXELS // side**2)
    # Of an image: a few copies of the widest activations, those of the first stage, and of the image.
    stage = encoder.dim / 8 * (side / STEM_STRIDE.get(encoder.config.model.stem, 4)) ** 2
    return max(1, int(min(GPU_BYTES, GPU_SHARE * free_bytes(place)) / (32 * stage + 48 * side**2)))


def _encoded(
    encoder: Encoder,
    images: Tensor,
    features: Tensor,
    start: int,
    batch: int,
    place: torch.device,
    half: torch.dtype | None,
) -> Iterator[int]:
    """Fill `features` from row `start` on; yields how many are begun before each batch, and in the end all."""
    copied_alone = features.device.type == place.type or place.type == "cpu"
    waiting: list[Tensor] = []
    first = start
    for begin, pixels in _batches(images, start, batch, place):
        yield first
        with torch.autocast(place.type, half) if half else true_fp32(place.type):
            inputs = normalise(pixels, encoder.mean, encoder.std)
            inputs = inputs.contiguous(memory_format=torch.channels_last)  # as the weights lie
            found = F.normalize(encoder.backbone(inputs).float(), dim=1)
        end = min(begin + batch, len(images))
        waiting.append(found[: end - begin])
        if copied_alone or len(waiting) == BATCHES_A_COPY or end == len(images):
            features[first:end] = waiting[0] if len(waiting) == 1 else torch.cat(waiting)
            waiting, first = [], end
    yield first


def _batches(images: Tensor, start: int, batch: int, place: torch.device) -> Iterator[tuple[int, Tensor]]:
    """Yield the first row of each batch, and its images on the device.

    On a GPU all have the same shape, for which its kernels were chosen: the last one is filled up.
    """
    starts = range(start, len(images), batch)
    if place.type == "cpu":
        for begin in starts:
            yield begin, images[begin : begin + batch].to(place)
        return
    rows = [torch.arange(begin, begin + batch).clamp(max=len(images) - 1) for begin in starts]
    placed = Placed(images, place, resident=images.device.type == place.type)
    yield from zip(starts, placed.batches(rows), strict=True)
