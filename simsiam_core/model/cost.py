"""Cost of encoding an image with a backbone, from its definition: nothing is computed and no weights are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from simsiam_core.config import Config, ConfigError, ModelConfig, parse
from simsiam_core.config.sections.objective import ROTATING_METHOD
from simsiam_core.model.backbone import Backbone, build_backbone


@dataclass(frozen=True)
class Cost:
    """Size of a backbone, and what encoding one image of a given size costs, in fp32."""

    parameters: int
    macs: float  # multiply-accumulate operations of convolutions, linear layers and attention
    feature_dim: int
    largest_bytes: int  # of the largest tensor between its layers


def cost(model: ModelConfig, image_size: int) -> Cost:
    """Return the cost of a config's backbone. Raises ConfigError, as `build_backbone` does."""
    return _cost(ModelConfig(backbone=model.backbone, stem=model.stem, width=model.width), image_size)


@lru_cache(maxsize=512)
def _cost(model: ModelConfig, image_size: int) -> Cost:
    backbone = shape_of(model, image_size)
    image = torch.empty(1, 3, image_size, image_size, device="meta")
    with torch.no_grad(), FlopCounterMode(display=False) as operations, _Largest() as largest:
        backbone(image)
    return Cost(
        parameters=sum(parameter.numel() for parameter in backbone.parameters()),
        macs=operations.get_total_flops() / 2,
        feature_dim=backbone.feature_dim,
        largest_bytes=largest.bytes,
    )


def network_cost(values: Mapping[str, Any], progress: Any = None) -> Cost:
    """Check the network of a config given as nested values, as `check_network` does, in a worker process."""
    return check_network(parse(values))


def shape_of(model: ModelConfig, image_size: int) -> Backbone:
    """Build a backbone on torch's meta device, for inference: shapes without numbers. Raises ConfigError."""
    with torch.device("meta"):
        return build_backbone(model, image_size).eval().requires_grad_(False)


def check_network(config: Config) -> Cost:
    """Check that a config's network can be built and takes its images; returns the cost of its backbone.

    Raises ConfigError at the field that has to change.
    """
    model, size, crop = config.model, config.data.image_size, config.objective.rotation_crop
    found = cost(model, size)
    if config.objective.method == ROTATING_METHOD and not takes_size(model, size, crop):
        raise ConfigError.at(
            "objective.rotation_crop",
            f"{model.backbone} at {size} px takes no crops of {crop} px, which predicting rotations needs; "
            f"choose {size} px as Rotation crop, or another method.",
        )
    return found


@lru_cache(maxsize=512)
def takes_size(model: ModelConfig, image_size: int, other: int) -> bool:
    """Return whether a backbone built for images of one size, in px, also encodes images of another."""
    if image_size == other:
        return True
    try:
        shape_of(model, image_size)(torch.empty(2, 3, other, other, device="meta"))
    except Exception:  # each library raises its own types for a size that does not fit
        return False
    return True


class _Largest(TorchDispatchMode):
    """Finds the size of the largest new tensor that any operation gives; views, as of weights, are none."""

    bytes = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = function(*args, **(kwargs or {}))
        if not any(returned.alias_info for returned in function._schema.returns):
            tensors = out if isinstance(out, (tuple, list)) else (out,)
            self.bytes = max(self.bytes, *(t.nbytes for t in tensors if isinstance(t, Tensor)), 0)
        return out
