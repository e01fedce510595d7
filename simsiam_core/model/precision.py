"""Full fp32 precision for matrix products and convolutions: no TF32, no autocast."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def true_fp32(device: str = "cuda") -> Iterator[None]:
    """Run matrix products and convolutions in true fp32; previous settings are restored on exit.

    Otherwise cuDNN rounds the inputs of fp32 convolutions to TF32's 10 bits, which is torch's default, and
    autocast to even fewer. `device` is the device type for which autocast is disabled.
    """
    cudnn: Any = torch.backends.cudnn  # its stubs lack `conv`
    matmul, convolution = torch.get_float32_matmul_precision(), cudnn.conv.fp32_precision
    torch.set_float32_matmul_precision("highest")
    cudnn.allow_tf32 = False
    try:
        with torch.autocast(device, enabled=False):
            yield
    finally:
        torch.set_float32_matmul_precision(matmul)
        cudnn.allow_tf32 = convolution == "tf32"
