"""People train narrow networks with whatever batch size comes to mind."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from simsiam_core.config import ModelConfig
from simsiam_core.model import build_backbone
from simsiam_core.model.onednn_workaround import StridedPointwise, is_affected, replace_affected_convolutions


@pytest.mark.parametrize("channels", [2, 4, 7, 8, 12, 15])
def test_every_narrow_strided_convolution_has_the_right_gradients(channels: int) -> None:
    """Kind: a narrow layer and an odd batch end in memory corruption inside the library that computes it.

    There, the plain convolution gives wrong gradients, or takes this process down.
    """
    torch.manual_seed(0)
    for batch, (rows, columns) in itertools.product((2, 3, 33), ((2, 2), (1, 2))):
        network = nn.Sequential(nn.Conv2d(channels, 2 * channels, 1, (rows, columns), bias=False))
        network.to(memory_format=torch.channels_last)
        replace_affected_convolutions(network)
        weight = network[0].weight
        images = torch.randn(batch, channels, 16, 16).contiguous(memory_format=torch.channels_last)
        outputs = network(images.requires_grad_())
        above = torch.randn_like(outputs)
        outputs.backward(above)
        seen, kernel = images.detach()[:, :, ::rows, ::columns].double(), weight.detach()[:, :, 0, 0].double()
        below = torch.zeros_like(images, dtype=torch.float64)
        below[:, :, ::rows, ::columns] = torch.einsum("bohw,oi->bihw", above.double(), kernel)
        expected = torch.einsum("bohw,bihw->oi", above.double(), seen)
        close = {"atol": 2e-3, "rtol": 1e-3, "check_dtype": False}
        torch.testing.assert_close(outputs, torch.einsum("bihw,oi->bohw", seen, kernel), **close)
        torch.testing.assert_close(weight.grad[:, :, 0, 0], expected, **close)
        torch.testing.assert_close(images.grad, below, **close)


@pytest.mark.parametrize(
    ("layer", "unsafe"),
    [
        (nn.Conv2d(12, 24, 1, 2), True),
        (nn.Conv2d(12, 24, 1, (1, 2)), True),
        (nn.Conv2d(32, 64, 1, 2, groups=4), True),
        (nn.Conv2d(16, 32, 1, 2), False),
        (nn.Conv2d(12, 24, 1), False),
        (nn.Conv2d(12, 24, 3, 2, padding=1), False),
        (nn.Conv2d(12, 24, 1, 2, padding=1), False),
    ],
)
def test_only_what_is_computed_wrongly_is_computed_otherwise(layer: nn.Conv2d, unsafe: bool) -> None:
    """Kind: a remedy that slows down what was never ill."""
    network = nn.Sequential(layer)
    replace_affected_convolutions(network)
    assert (is_affected(layer), isinstance(network[0], StridedPointwise)) == (unsafe, unsafe)


@pytest.mark.parametrize("width", [8, 12, 15, 16])
def test_a_narrow_network_is_the_same_network(width: int) -> None:
    """Kind: checkpoints and features made before must not change with the remedy."""
    torch.manual_seed(0)
    network = build_backbone(ModelConfig(backbone="resnet10", stem="cifar", width=width)).eval()
    narrow = [name for name, layer in network.named_modules() if isinstance(layer, StridedPointwise)]
    assert narrow == (["layer2.0.downsample.0"] if width < 16 else [])
    images = torch.randn(3, 3, 16, 16)
    with torch.no_grad():
        without_gradients = network(images)
    torch.testing.assert_close(network(images).detach(), without_gradients, atol=1e-5, rtol=1e-5)
