"""Workaround for a oneDNN bug in the weight gradient of strided 1×1 convolutions on CPU.

For this gradient, oneDNN (up to 3.12) copies the input into a workspace laid out for whole SIMD registers of
channels, 8 with AVX2 and 16 with AVX-512, but allocated for the actual number of channels: with fewer
channels, in channels_last, it writes and reads out of bounds (github.com/uxlfoundation/oneDNN/issues/6035).
Depending on batch size and threads, the result is a wrong gradient, an endless loop, or heap corruption and a
later crash.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIMD_CHANNELS = 16  # channels of the widest SIMD registers; no machine's layouts use more


class StridedPointwise(nn.Conv2d):
    """A strided 1×1 convolution that subsamples its input first when its weights are trained on a CPU.

    The remaining convolution has no stride and is computed correctly by oneDNN. Otherwise (without gradients,
    on a GPU) it is the plain convolution.
    """

    def forward(self, images: Tensor) -> Tensor:
        """Map `[B, C, H, W]` to `[B, out, ⌈H / stride⌉, ⌈W / stride⌉]`."""
        if images.is_cpu and torch.is_grad_enabled() and self.weight.requires_grad:
            rows, columns = self.stride
            return F.conv2d(images[..., ::rows, ::columns], self.weight, self.bias, groups=self.groups)
        return super().forward(images)


def is_affected(convolution: nn.Conv2d) -> bool:
    """Return whether oneDNN would compute this convolution's weight gradient out of bounds."""
    return (
        convolution.kernel_size == (1, 1)
        and convolution.stride != (1, 1)
        and convolution.padding in ((0, 0), "valid")
        and convolution.in_channels // convolution.groups < SIMD_CHANNELS
    )


def replace_affected_convolutions(network: nn.Module) -> None:
    """Turn every affected convolution into a `StridedPointwise`, in place; names and weights are kept."""
    for module in network.modules():
        if type(module) is nn.Conv2d and is_affected(module):
            module.__class__ = StridedPointwise
