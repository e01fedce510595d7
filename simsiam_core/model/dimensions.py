"""Feature dimensions and the name of a config's network, without building it or importing torch."""

from __future__ import annotations

from simsiam_core.config import ModelConfig
from simsiam_core.config.sections.network import RESNETS

STAGES_WIDEN = 8  # width of the last of a ResNet's four stages relative to the first
BOTTLENECK_EXPANSION = 4  # of the blocks of deeper ResNets (He et al., 2015, section 4.1)
BOTTLENECKS = ("resnet50",)


def feature_dim(model: ModelConfig) -> int | None:
    """Return the dimension of the backbone's features; None for networks of other libraries."""
    if model.backbone not in RESNETS:
        return None
    expansion = BOTTLENECK_EXPANSION if model.backbone in BOTTLENECKS else 1
    return model.width * STAGES_WIDEN * expansion


def network_name(model: ModelConfig) -> str:
    """Return the network's name, with the stem and width of a ResNet; those of other libraries have none."""
    if model.backbone not in RESNETS:
        return model.backbone
    return f"{model.backbone}, {model.stem}, width {model.width}"
