"""Networks of other libraries: what they need, what they cost, and what they refuse."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
import torch
from tiny import tiny
from torch import Tensor, nn

from simsiam_core.config import ConfigError, ModelConfig
from simsiam_core.config.sections.network import NAMED
from simsiam_core.model import build_backbone
from simsiam_core.model.backbone import finished_backbone
from simsiam_core.model.cost import check_network, cost
from simsiam_core.model.dimensions import feature_dim, network_name
from simsiam_core.model.memory_format import channels_last

SIZE = 32


@pytest.mark.parametrize("name", [*NAMED, "torchvision:squeezenet1_1", "torchvision:regnet_y_400mf"])
def test_a_network_is_built_as_its_cost_says(name: str) -> None:
    model = ModelConfig(backbone=name)
    found, before = cost(model, SIZE), torch.get_rng_state()
    assert torch.equal(before, torch.get_rng_state()), "nothing is drawn for it"
    backbone = build_backbone(model, SIZE).eval()
    assert found.parameters == sum(parameter.numel() for parameter in backbone.parameters())
    with torch.no_grad():
        assert backbone(torch.zeros(2, 3, SIZE, SIZE)).shape == (2, found.feature_dim)
    assert feature_dim(model) is None and network_name(model) == name
    assert found.macs > 1e5 and found.largest_bytes >= 4 * found.feature_dim


@pytest.mark.parametrize(
    ("name", "size", "gmac"),
    [
        ("resnet18", 32, 0.556),  # He et al. (2015) with the CIFAR stem
        ("timm:vit_tiny_patch16_224", 224, 1.25),  # timm's table: 1.26, with normalisations
        ("timm:regnety_002", 224, 0.20),
    ],
)
def test_operations_are_those_published(name: str, size: int, gmac: float) -> None:
    assert cost(ModelConfig(backbone=name), size).macs / 1e9 == pytest.approx(gmac, abs=0.006)


def test_the_largest_tensor_is_an_activation() -> None:
    assert cost(ModelConfig(), 32).largest_bytes == 4 * 64 * 32 * 32
    wide = cost(ModelConfig(backbone="torchvision:vit_b_16"), 32)
    assert wide.largest_bytes == 4 * 5 * 3072, "not a view of the weights"


def refusal(name: str, size: int) -> str:
    with pytest.raises(ConfigError) as told:
        build_backbone(ModelConfig(backbone=name), size)
    (problem,) = told.value.problems
    return f"{problem.path}: {problem.message}"


@pytest.mark.parametrize(
    ("name", "size", "sentence"),
    [
        ("timm:vit_tiny_patch16_224", 50, "50 px; choose a multiple of 16 px, such as 48 or 64 px."),
        ("timm:vit_small_patch14_dinov2", 64, "64 px; choose a multiple of 14 px, such as 56 or 70 px."),
        ("timm:convnext_atto", 50, "50 px; choose a multiple of 4 px, such as 48 or 52 px."),
        ("timm:maxvit_rmlp_pico_rw_256", 50, "50 px; choose 48 or 64 px."),
        ("timm:xcit_nano_12_p16_224", 24, "24 px; choose 16 or 32 px."),
        ("timm:inception_v3", 32, "32 px; choose 80 px."),
        ("torchvision:maxvit_t", 240, "240 px; choose 224 px."),
        ("timm:vit_tiny_patch16_224", 250, "250 px; choose a multiple of 16 px, such as 240 or 256 px."),
    ],
)
def test_a_size_that_does_not_fit_is_refused_with_one_that_does(name: str, size: int, sentence: str) -> None:
    assert refusal(name, size) == f"data.image_size: {name} cannot take images of {sentence}"
    taken = int(sentence.removesuffix(" px.").rpartition(" ")[2])
    with torch.device("meta"):
        assert build_backbone(ModelConfig(backbone=name), taken).feature_dim > 0


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "timm:vit_tiny_patch16_22",
            "timm has no network 'vit_tiny_patch16_22'; did you mean timm:vit_tiny_",
        ),
        ("timm:zzz", "timm has no network 'zzz'; `simsiam backbones` lists those it has."),
        ("torchvision:regnet_y_400m", "did you mean torchvision:regnet_y_400mf"),
        ("timm:qwen3_vit_88m_enc", "timm:qwen3_vit_88m_enc does not map an image to one vector"),
    ],
)
def test_other_networks_are_refused_at_their_name(name: str, sentence: str) -> None:
    with torch.device("meta"):
        told = refusal(name, 64)
    assert told.startswith("model.backbone: ") and sentence in told


class Spoilt(nn.Module):
    """Gives what it is told to instead of features."""

    def __init__(self, out: Tensor) -> None:
        super().__init__()
        self.weight, self.out = nn.Parameter(torch.zeros(1)), out

    def forward(self, images: Tensor) -> Tensor:
        return self.out


def test_numbers_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ConfigError, match="not finite for images of 32 px"):
        finished_backbone(Spoilt(torch.full((1, 4), math.nan)), "timm:spoilt", 32)
    assert finished_backbone(Spoilt(torch.zeros(1, 4)), "timm:sound", 32).feature_dim == 4


def test_rotated_crops_are_refused_where_the_network_takes_one_size() -> None:
    def told(backbone: str, crop: int) -> str:
        config = tiny(
            model={"backbone": backbone},
            data={"image_size": 64},
            objective={"rotation_weight": 0.4, "rotation_crop": crop},
        )
        try:
            check_network(config)
        except ConfigError as error:
            return str(error)
        return ""

    sentence = told("timm:vit_tiny_patch16_224", 32)
    assert "takes no crops of 32 px" in sentence and "objective.rotation_crop" in sentence
    assert (
        told("timm:vit_tiny_patch16_224", 64) == told("timm:convnext_atto", 32) == told("resnet10", 32) == ""
    )


def test_networks_with_three_dimensional_convolutions_are_laid_out_too() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv3d(1, 2, 3))
    expected = [parameter.clone() for parameter in network.parameters()]
    channels_last(network)
    assert network[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert all(torch.equal(a, b) for a, b in zip(expected, network.parameters(), strict=True))


def test_libraries_are_imported_only_where_they_are_needed() -> None:
    code = (
        "import sys, simsiam_core.cli as cli; cli.build_parser(); import simsiam_core.model.cost as cost;"
        "from simsiam_core.config import ModelConfig; cost.cost(ModelConfig(), 32); assert 'timm' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
