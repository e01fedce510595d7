"""Layout of weights in memory."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn

AnyModule = TypeVar("AnyModule", bound=nn.Module)


def channels_last(network: AnyModule) -> AnyModule:
    """Put the weights of 2-D convolutions into channels_last, which speeds them up, in place.

    Unlike `Module.to(memory_format=…)` this accepts networks that also have 3-D convolutions.
    """
    for tensor in (*network.parameters(), *network.buffers()):
        if tensor.ndim == 4:
            tensor.data = tensor.data.contiguous(memory_format=torch.channels_last)
    return network
