"""fp32 that is fp32."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def true_fp32(device: str = "cuda") -> Iterator[None]:
    """Matrix products and convolutions in fp32, whatever was chosen around this, which is restored afterwards.

    Without it cuDNN rounds the inputs of fp32 convolutions to TF32's 10 bits, which is torch's default, and
    autocast to fewer still. `device` is the kind whose autocast is switched off.
    """
    cudnn: Any = torch.backends.cudnn  # whose stubs lack `conv`
    matmul, convolution = torch.get_float32_matmul_precision(), cudnn.conv.fp32_precision
    torch.set_float32_matmul_precision("highest")
    cudnn.allow_tf32 = False
    try:
        with torch.autocast(device, enabled=False):
            yield
    finally:
        torch.set_float32_matmul_precision(matmul)
        cudnn.allow_tf32 = convolution == "tf32"
