"""What decides a network's parameters: the one place from which networks are built and forks are checked."""

from __future__ import annotations

from typing import NamedTuple

from simsiam_core.config.schema import Config
from simsiam_core.config.sections.network import ModelConfig


class NetworkSettings(NamedTuple):
    """Networks are built from this alone, so a checkpoint fits every config for which it is the same."""

    model: ModelConfig
    rotation: bool  # whether there is a head that tells how an image was turned


# The setting that each part follows, for messages.
SETTING_OF = {"model": "model", "rotation": "objective.rotation_weight"}


def network_settings(config: Config) -> NetworkSettings:
    """Return the settings that decide the network of a config."""
    return NetworkSettings(config.model, config.objective.rotation_weight > 0)
