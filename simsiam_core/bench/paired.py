"""Paired comparison of two ways of classifying the same images, with an interval by bootstrap over the images."""

from __future__ import annotations

from collections.abc import Sequence

import torch

RESAMPLES = 10_000
_AT_ONCE = 500  # resamples drawn together


def difference(ours: Sequence[str], theirs: str) -> tuple[float, float, float]:
    """Return the gain in accuracy in points, and the ends of its 95 % interval.

    `ours` has one text of 0 and 1 for each seed, a digit an image; `theirs` is such a text of the same images.
    Images are resampled, the seeds' mean for each image as it is.
    """
    mean = torch.tensor([[int(digit) for digit in text] for text in ours], dtype=torch.float64).mean(0)
    gains = mean - torch.tensor([int(digit) for digit in theirs], dtype=torch.float64)
    generator, means = torch.Generator().manual_seed(0), list[torch.Tensor]()
    for _ in range(RESAMPLES // _AT_ONCE):
        rows = torch.randint(len(gains), (_AT_ONCE, len(gains)), generator=generator)
        means.append(gains[rows].mean(1))
    low, high = torch.cat(means).quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return 100 * float(gains.mean()), 100 * low, 100 * high
