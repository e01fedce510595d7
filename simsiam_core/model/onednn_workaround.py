"""Convolutions that oneDNN computes wrongly on a CPU, and another way of computing the same.

For the gradient of the weights of a 1×1 convolution with a stride, oneDNN (3.12 and before) copies its input
into a workspace laid out for whole SIMD registers of channels, 8 with AVX2 and 16 with AVX-512, but as large as
the channels there are: with fewer, in channels_last, it writes and reads past the end
(github.com/uxlfoundation/oneDNN/issues/6035). What follows depends on the batch and the threads: a wrong
gradient, an endless loop, or a corrupted heap and a crash somewhere else.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIMD_CHANNELS = 16  # of the widest registers: whatever the machine, its layouts hold no more at once


class StridedPointwise(nn.Conv2d):
    """A 1×1 convolution with a stride that takes the pixels it needs first, where its weights are trained.

    What is left has no stride, and oneDNN computes that well. Elsewhere (without gradients, on a GPU) it is
    the plain convolution.
    """

    def forward(self, images: Tensor) -> Tensor:
        """Map `[B, C, H, W]` to `[B, out, ⌈H / stride⌉, ⌈W / stride⌉]`."""
        if images.is_cpu and torch.is_grad_enabled() and self.weight.requires_grad:
            rows, columns = self.stride
            return F.conv2d(images[..., ::rows, ::columns], self.weight, self.bias, groups=self.groups)
        return super().forward(images)


def is_affected(convolution: nn.Conv2d) -> bool:
    """Return whether it is of the shape whose weight gradient oneDNN computes out of bounds."""
    return (
        convolution.kernel_size == (1, 1)
        and convolution.stride != (1, 1)
        and convolution.padding in ((0, 0), "valid")
        and convolution.in_channels // convolution.groups < SIMD_CHANNELS
    )


def replace_affected_convolutions(network: nn.Module) -> None:
    """Turn every such convolution of a network into a `StridedPointwise`, in place; names and weights stay."""
    for module in network.modules():
        if type(module) is nn.Conv2d and is_affected(module):
            module.__class__ = StridedPointwise
