"""Features of an imported network equal those of the program that wrote its file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from simsiam_core.data import ImageSet
from simsiam_core.features.encode import encode
from simsiam_core.model import load_encoder
from simsiam_core.model.foreign.installing import install
from simsiam_core.model.foreign.understanding import Wishes, understand
from simsiam_core.runs import RunStore

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)
Program = tuple[nn.Module, object]  # maps normalised images to features; what it saves


def torchvision_resnet() -> Program:
    from torchvision.models import resnet18

    whole = resnet18()
    features = nn.Sequential(*list(whole.children())[:-1], nn.Flatten())
    return features, whole.state_dict()


def torchvision_mobilenet() -> Program:
    from torchvision.models import mobilenet_v3_small

    whole = mobilenet_v3_small()
    features = nn.Sequential(whole.features, whole.avgpool, nn.Flatten(), *whole.classifier[:-1])
    return features, whole.state_dict()


def timm_vit() -> Program:
    import timm

    whole = timm.create_model("vit_tiny_patch16_224", img_size=64, num_classes=10)
    return nn.Sequential(whole, _Before(whole)), whole.state_dict()


class _Before(nn.Module):
    """What timm's network computes before its classifier; the first step of the sequence is ignored."""

    def __init__(self, whole: nn.Module) -> None:
        super().__init__()
        self.images: Tensor | None = None
        whole.register_forward_pre_hook(lambda _, given: setattr(self, "images", given[0]))
        object.__setattr__(self, "whole", whole)

    def forward(self, _: Tensor) -> Tensor:
        return self.whole.forward_head(self.whole.forward_features(self.images), pre_logits=True)


def lightly_resnet() -> Program:
    """As in lightly's examples: a Lightning module whose backbone is a sequence of the ResNet's children."""
    from lightly.models import ResNetGenerator

    resnet = ResNetGenerator("resnet-18", width=0.25)
    backbone = nn.Sequential(*list(resnet.children())[:-1], nn.AdaptiveAvgPool2d(1))
    module = nn.ModuleDict({"backbone": backbone, "projection_head": nn.Linear(8, 8)})
    saved = {"state_dict": module.state_dict(), "epoch": 7, "pytorch-lightning_version": "2.6.6"}
    return nn.Sequential(backbone, nn.Flatten()), saved


def solo_learn_resnet() -> Program:
    """For CIFAR its first convolution pads by 2, which shapes do not tell."""
    from torchvision.models import resnet18

    whole = resnet18()
    whole.conv1, whole.maxpool, whole.fc = nn.Conv2d(3, 64, 3, 1, 2, bias=False), nn.Identity(), nn.Identity()
    return whole, {"state_dict": {f"backbone.{name}": value for name, value in whole.state_dict().items()}}


def data_parallel() -> Program:
    """Under `module.`, with the optimiser and its momentum beside it."""
    from torchvision.models import resnet18

    whole = resnet18(num_classes=5)
    optimiser = torch.optim.SGD(whole.parameters(), 0.1, momentum=0.9)
    whole(torch.randn(2, 3, 32, 32)).sum().backward()
    optimiser.step()
    features = nn.Sequential(*list(whole.children())[:-1], nn.Flatten())
    weights = {f"module.{name}": value for name, value in whole.state_dict().items()}
    return features, {"model": weights, "optimizer": optimiser.state_dict(), "epoch": 3}


def authors_simsiam() -> Program:
    """The release of Chen & He: a ResNet-50 whose `fc` is the projector, and a predictor."""
    from torchvision.models import resnet50

    encoder = resnet50(num_classes=32, zero_init_residual=True)
    features = nn.Sequential(*list(encoder.children())[:-1], nn.Flatten())
    norm = nn.BatchNorm1d(32, affine=False)
    encoder.fc = nn.Sequential(nn.Linear(2048, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 32), norm)
    model = nn.ModuleDict(
        {"encoder": encoder, "predictor": nn.Sequential(nn.Linear(32, 8), nn.BatchNorm1d(8))}
    )
    weights = {f"module.{name}": value for name, value in model.state_dict().items()}
    return features, {"epoch": 100, "arch": "resnet50", "state_dict": weights, "optimizer": {}}


PROGRAMS: dict[Callable[[], Program], tuple[str, int, Wishes]] = {
    torchvision_resnet: ("resnet18", 32, Wishes(image_size=32)),
    torchvision_mobilenet: ("torchvision:mobilenet_v3_small", 64, Wishes(image_size=64)),
    timm_vit: ("timm:vit_tiny_patch16_224", 64, Wishes()),
    lightly_resnet: ("resnet18", 32, Wishes()),
    solo_learn_resnet: ("resnet18", 32, Wishes(stem="cifar-padded")),
    data_parallel: ("resnet18", 32, Wishes(image_size=32)),
    authors_simsiam: ("resnet50", 32, Wishes(image_size=32)),
}


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_features_are_the_programs_own(program: Callable[[], Program], tmp_path: Path) -> None:
    backbone, size, wishes = PROGRAMS[program]
    torch.manual_seed(0)
    features, saved = program()
    with torch.no_grad():  # running statistics of its own
        features.train()(torch.randn(4, 3, size, size))
    torch.save(saved, tmp_path / "network.pth")  # state dicts share their tensors with the network
    wishes = Wishes(**{**vars(wishes), "mean": MEAN, "std": STD})
    run = install(RunStore(tmp_path / "runs"), understand([tmp_path / "network.pth"], wishes))

    pixels = torch.randint(0, 256, (3, 3, size, size), dtype=torch.uint8)
    images = ImageSet(pixels, None, (), ("a", "b", "c"))
    normalised = (pixels / 255 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    with torch.no_grad():
        theirs = F.normalize(features.eval()(normalised))
    encoder = load_encoder(run.checkpoint().path)
    assert encoder.config.model.backbone == backbone
    assert encoder.config.data.image_size == size
    torch.testing.assert_close(encode(encoder, images), theirs, rtol=0, atol=1e-5)
