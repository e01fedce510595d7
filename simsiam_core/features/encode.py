"""Images to features: the backbone's output under evaluation transforms, l2-normalised."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from simsiam_core.data import ImageSet, Progress, normalise
from simsiam_core.model import Encoder

PIXELS_AT_ONCE = {"cpu": 2**18, "cuda": 2**21}  # 256 and 2,048 images of 32 px


def best_device() -> str:
    """A GPU when there is one."""
    return "cuda" if torch.cuda.is_available() else "cpu"


@torch.no_grad()
def encode(
    encoder: Encoder,
    images: ImageSet,
    device: str = "cpu",
    progress: Progress | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Features of every image: float32 [N, dim], l2-normalised, in main memory or wherever `out` is.

    No crops and no flips: the picture as it is, normalised with the mean and std of the checkpoint.
    `out` float32 [N, dim] is filled batch by batch, if given: a memory map, say, or a GPU's memory.
    """
    backbone = encoder.backbone.to(device)
    features = torch.empty(len(images), encoder.dim) if out is None else out
    pixels_at_once = PIXELS_AT_ONCE.get(torch.device(device).type, PIXELS_AT_ONCE["cpu"])
    batch = max(1, pixels_at_once // images.images.shape[-1] ** 2)
    for start in range(0, len(images), batch):
        if progress is not None:
            progress(start / len(images), f"Encoding images: {start:,} of {len(images):,}")
        inputs = normalise(images.images[start : start + batch].to(device), encoder.mean, encoder.std)
        inputs = inputs.contiguous(memory_format=torch.channels_last)  # as the weights lie
        features[start : start + batch] = F.normalize(backbone(inputs).float(), dim=1)
    return features
