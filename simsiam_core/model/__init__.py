"""The network: backbones, SimSiam's heads and loss, and reading checkpoints."""

from simsiam_core.model.backbone import ResNet, build_backbone
from simsiam_core.model.checkpoint import CheckpointError, Encoder, fingerprint, load_encoder, recipe
from simsiam_core.model.simsiam import Output, SimSiam, negative_cosine, rotation_task, simsiam_loss

__all__ = [
    "CheckpointError",
    "Encoder",
    "Output",
    "ResNet",
    "SimSiam",
    "build_backbone",
    "fingerprint",
    "load_encoder",
    "negative_cosine",
    "recipe",
    "rotation_task",
    "simsiam_loss",
]
