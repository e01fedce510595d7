"""ResNet backbones (He et al., 2015) with configurable stem and width."""

from __future__ import annotations

from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck

from simsiam_core.config import ModelConfig
from simsiam_core.config.sections.network import RESNETS
from simsiam_core.model.backbone import Backbone, Family

BLOCKS: dict[str, tuple[type[BasicBlock] | type[Bottleneck], tuple[int, int, int, int]]] = {
    "resnet10": (BasicBlock, (1, 1, 1, 1)),
    "resnet18": (BasicBlock, (2, 2, 2, 2)),
    "resnet34": (BasicBlock, (3, 4, 6, 3)),
    "resnet50": (Bottleneck, (3, 4, 6, 3)),
}


class ResNet(Backbone):
    """A ResNet without classifier: images `[B, 3, S, S]` to globally average-pooled features `[B, D]`.

    Parameters have torchvision's names, so at width 64 the weights load into its ResNets. With the stem
    "cifar" (3×3, stride 1, no max-pool) a 32-px image keeps its resolution through the first stage; the
    ImageNet stem costs about ten points of accuracy at that size.
    """

    def __init__(self, name: str, stem: str, width: int) -> None:
        super().__init__()
        block, depths = BLOCKS[name]
        self._channels = width
        if stem == "imagenet":
            self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
            self.maxpool: nn.Module = nn.MaxPool2d(3, stride=2, padding=1)
        else:
            stride, padding = 2 if stem == "stride2" else 1, 2 if stem == "cifar-padded" else 1
            self.conv1 = nn.Conv2d(3, width, 3, stride, padding, bias=False)
            self.maxpool = nn.Identity()
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.Identity() if stem == "cifar-linear" else nn.ReLU(inplace=True)
        self.layer1 = self._stage(block, width, depths[0], stride=1)
        self.layer2 = self._stage(block, width * 2, depths[1], stride=2)
        self.layer3 = self._stage(block, width * 4, depths[2], stride=2)
        self.layer4 = self._stage(block, width * 8, depths[3], stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.feature_dim = width * 8 * block.expansion
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def _stage(
        self, block: type[BasicBlock] | type[Bottleneck], planes: int, depth: int, stride: int
    ) -> nn.Sequential:
        out = planes * block.expansion
        shortcut = None
        if stride != 1 or self._channels != out:
            shortcut = nn.Sequential(
                nn.Conv2d(self._channels, out, 1, stride, bias=False), nn.BatchNorm2d(out)
            )
        blocks = [block(self._channels, planes, stride, shortcut)]
        blocks += [block(out, planes) for _ in range(1, depth)]
        self._channels = out
        return nn.Sequential(*blocks)

    def forward(self, images: Tensor) -> Tensor:
        """Map normalised images `[B, 3, S, S]` to features `[B, D]`."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.avgpool(x).flatten(1)


def _build(model: ModelConfig, image_size: int) -> ResNet:
    """Build a ResNet; it takes images of any size."""
    return ResNet(model.backbone, model.stem, model.width)


ENTRY = Family(
    title="ResNet",
    help="ResNets with a stem for small images and any width.",
    names=lambda: RESNETS,
    build=_build,
)
