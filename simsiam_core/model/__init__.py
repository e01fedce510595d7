"""The network: backbones, SimSiam heads and loss, and checkpoint loading.

Names are imported lazily from their modules: most import torch, which querying dimensions does not need.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simsiam_core.model.backbone import ResNet as ResNet
    from simsiam_core.model.backbone import build_backbone as build_backbone
    from simsiam_core.model.checkpoint import CheckpointError as CheckpointError
    from simsiam_core.model.checkpoint import Encoder as Encoder
    from simsiam_core.model.checkpoint import fingerprint as fingerprint
    from simsiam_core.model.checkpoint import load_encoder as load_encoder
    from simsiam_core.model.checkpoint import recipe as recipe
    from simsiam_core.model.simsiam import Output as Output
    from simsiam_core.model.simsiam import SimSiam as SimSiam
    from simsiam_core.model.simsiam import negative_cosine as negative_cosine
    from simsiam_core.model.simsiam import rotation_task as rotation_task
    from simsiam_core.model.simsiam import simsiam_loss as simsiam_loss

_MODULES = {
    "CheckpointError": "checkpoint",
    "Encoder": "checkpoint",
    "Output": "simsiam",
    "ResNet": "backbone",
    "SimSiam": "simsiam",
    "build_backbone": "backbone",
    "fingerprint": "checkpoint",
    "load_encoder": "checkpoint",
    "negative_cosine": "simsiam",
    "recipe": "checkpoint",
    "rotation_task": "simsiam",
    "simsiam_loss": "simsiam",
}


def __getattr__(name: str) -> Any:
    """Import a name of this package from its module on first access."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"simsiam_core.model.{_MODULES[name]}"), name)
