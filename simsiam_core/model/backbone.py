"""Backbones: building the network that a config names, from the registry of families.

A name without a colon is one of this program's ResNets; `timm:vit_small_patch16_224` or
`torchvision:mobilenet_v3_small` is a network of another library, whose module in `model/backbones/` builds it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from simsiam_core.config import ConfigError, ModelConfig
from simsiam_core.config.sections.network import backbone_family
from simsiam_core.model.onednn_workaround import replace_affected_convolutions
from simsiam_core.registry import Registry


class Backbone(nn.Module):
    """What every backbone offers: pooled features without a classifier. Its parameters have their library's names."""

    feature_dim: int  # D below

    def forward(self, images: Tensor) -> Tensor:
        """Map normalised images `[B, 3, S, S]` to features `[B, D]`."""
        raise NotImplementedError


@dataclass(frozen=True)
class Family:
    """A library of networks. Its functions import the library only when they are called."""

    title: str
    help: str
    names: Callable[[], tuple[str, ...]]  # of all its networks, as written in `model.backbone`
    # Builds a network with random weights for images of a size in px, drawn from torch's global generator.
    # Raises ConfigError at model.backbone for an unknown name or a missing package, at data.image_size for a
    # size that the network cannot take.
    build: Callable[[ModelConfig, int], Backbone]


FAMILIES: Registry[Family] = Registry("model.backbones", Family, "family of backbones")


def build_backbone(model: ModelConfig, image_size: int = 32) -> Backbone:
    """Build the backbone of a config with random weights. Raises ConfigError.

    `image_size`, in px, determines the weights of networks with position embeddings; the ResNets take any.
    """
    backbone = FAMILIES.get(backbone_family(model.backbone)).build(model, image_size)
    replace_affected_convolutions(backbone)
    return backbone


def finished_backbone(network: nn.Module, name: str, image_size: int) -> Backbone:
    """Return a library's network without classifier as a backbone, after trying it on an image.

    Raises ConfigError at `data.image_size` where it cannot take images of that size, and at `model.backbone`
    where its output is not one vector per image.
    """
    training = network.training
    device = next(network.parameters()).device
    try:
        with torch.no_grad():
            out = network.eval()(torch.zeros(1, 3, image_size, image_size, device=device))
    except Exception as error:  # each library raises its own types for a size that does not fit
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise ConfigError.at(
            "data.image_size", f"{name} cannot take images of {image_size} px: {reason}."
        ) from None
    if not isinstance(out, Tensor) or out.ndim != 2:
        raise ConfigError.at(
            "model.backbone", f"{name} does not map an image to one vector; choose another network."
        )
    network.train(training)
    network.feature_dim = out.shape[1]  # type: ignore[assignment]
    return network  # type: ignore[return-value]
