"""Settings that determine a network's parameters, used to build networks and to check forks."""

from __future__ import annotations

from typing import NamedTuple

from simsiam_core.config.schema import Config
from simsiam_core.config.sections.network import ModelConfig


class NetworkSettings(NamedTuple):
    """Settings that a network is built from: a checkpoint fits every config for which they are equal."""

    model: ModelConfig
    rotation: bool  # whether there is a rotation prediction head


# The setting that determines each part, for messages.
SETTING_OF = {"model": "model", "rotation": "objective.rotation_weight"}


def network_settings(config: Config) -> NetworkSettings:
    """Return the settings that determine the network of a config."""
    return NetworkSettings(config.model, config.objective.rotation_weight > 0)
