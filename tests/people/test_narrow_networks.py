"""People train narrow networks with whatever batch size comes to mind."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from simsiam_core.config import ModelConfig
from simsiam_core.model import build_backbone
from simsiam_core.model.narrow import StridedPointwise, avoid_overruns, overruns

# In a process of its own: the heap that is corrupted shall not be that of the tests.
GRADIENTS = """
import itertools, torch
from torch import nn
from simsiam_core.model.narrow import avoid_overruns
torch.set_num_threads(1)
torch.manual_seed(0)
for channels, batch, (rows, columns) in itertools.product((2, 4, 7, 8, 12, 15), (2, 3, 33), ((2, 2), (1, 2))):
    layer = nn.Sequential(nn.Conv2d(channels, 2 * channels, 1, (rows, columns), bias=False))
    layer = layer.to(memory_format=torch.channels_last)
    avoid_overruns(layer)
    images = torch.randn(batch, channels, 16, 16).contiguous(memory_format=torch.channels_last)
    images.requires_grad_()
    outputs = layer(images)
    above = torch.randn_like(outputs)
    outputs.backward(above)
    seen = images.detach()[:, :, ::rows, ::columns].double()
    weights = layer[0].weight.detach()[:, :, 0, 0].double()
    torch.testing.assert_close(outputs.double(), torch.einsum("bihw,oi->bohw", seen, weights), atol=1e-4, rtol=1e-4)
    expected = torch.einsum("bohw,bihw->oi", above.double(), seen)
    torch.testing.assert_close(layer[0].weight.grad[:, :, 0, 0].double(), expected, atol=2e-3, rtol=1e-3)
    below = torch.zeros_like(images).double()
    below[:, :, ::rows, ::columns] = torch.einsum("bohw,oi->bihw", above.double(), weights)
    torch.testing.assert_close(images.grad.double(), below, atol=1e-4, rtol=1e-4)
print("all right")
"""


def test_every_narrow_strided_convolution_has_the_right_gradients() -> None:
    """Kind: a narrow layer and an odd batch end in memory corruption inside the library that computes it."""
    ended = subprocess.run([sys.executable, "-c", GRADIENTS], capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stdout.strip()) == (0, "all right"), ended.stderr[-2000:]


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
    avoid_overruns(network)
    assert (overruns(layer), isinstance(network[0], StridedPointwise)) == (unsafe, unsafe)


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
