"""Settings that determine a network's parameters, used to build networks and to check forks."""

from __future__ import annotations

from typing import NamedTuple

from simsiam_core.config.schema import Config
from simsiam_core.config.sections.network import RESNET_FAMILY, ModelConfig, backbone_family


class NetworkSettings(NamedTuple):
    """Settings that a network is built from: a checkpoint fits every config for which they are equal."""

    model: ModelConfig
    method: str  # which determines the heads
    image_size: int | None  # None where the weights do not depend on it


# The setting that determines each part besides the model's own, for messages.
SETTING_OF = {"method": "objective.method", "image_size": "data.image_size"}


def network_settings(config: Config) -> NetworkSettings:
    """Return the settings that determine the network of a config."""
    sized = backbone_family(config.model.backbone) != RESNET_FAMILY  # position embeddings, for one
    size = config.data.image_size if sized else None
    return NetworkSettings(config.model, config.objective.method, size)
