"""Networks of other libraries that equal a backbone: found by name, proved by loading the weights and by values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from simsiam_core.config import ConfigError
from simsiam_core.config.sections.network import RESNETS

if TYPE_CHECKING:
    from simsiam_core.config import ModelConfig
    from simsiam_core.model import Encoder

STANDARD_WIDTH = 64  # of the ResNets that other libraries have
TOLERANCE = 1e-4  # of features, relative to the largest


def equal_network(
    encoder: Encoder, library: str, build: Callable[[str, int], Iterator[tuple[nn.Module, dict[str, Any]]]]
) -> tuple[str, nn.Module, dict[str, Any]]:
    """Return the name, the network and its arguments in another library that equal a backbone.

    `build` yields candidates of a name for images of a size, without classifiers. Raises ConfigError at
    `format` if none takes the weights unchanged and gives equal features.
    """
    config = encoder.config
    name = name_elsewhere(config.model)
    weights = encoder.backbone.state_dict()
    for network, arguments in build(name, config.data.image_size) if name else ():
        try:
            network.load_state_dict(weights)
        except RuntimeError:  # other names or shapes
            continue
        if _equal(encoder.backbone, network.eval(), config.data.image_size):
            return name, network, arguments
    raise ConfigError.at(
        "format",
        f"{library} has no network that equals {described(config.model)}; the format safetensors writes its "
        "weights as they are.",
    )


def described(model: ModelConfig) -> str:
    """Return the name of a config's network, with what else determines it."""
    return (
        f"{model.backbone} (stem {model.stem}, width {model.width})"
        if model.backbone in RESNETS
        else model.backbone
    )


def name_elsewhere(model: ModelConfig) -> str:
    """Return the network's name in other libraries; empty if only this program has it."""
    if model.backbone in RESNETS:
        return model.backbone if (model.stem, model.width) == ("imagenet", STANDARD_WIDTH) else ""
    return model.backbone.partition(":")[2]


@torch.no_grad()
def _equal(ours: nn.Module, theirs: nn.Module, size: int) -> bool:
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    expected, found = ours(images), theirs(images)
    return found.shape == expected.shape and bool(
        (found - expected).abs().max() <= TOLERANCE * expected.abs().max()
    )
