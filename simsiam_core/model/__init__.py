"""The network: backbones, the heads of training methods, SimSiam's loss, and checkpoint loading.

Names are imported lazily from their modules: most import torch, which querying dimensions does not need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simsiam_core.lazy import lazy_names

if TYPE_CHECKING:
    from simsiam_core.model.backbone import Backbone as Backbone
    from simsiam_core.model.backbone import build_backbone as build_backbone
    from simsiam_core.model.backbones.resnet import ResNet as ResNet
    from simsiam_core.model.checkpoint import CheckpointError as CheckpointError
    from simsiam_core.model.checkpoint import Encoder as Encoder
    from simsiam_core.model.checkpoint import fingerprint as fingerprint
    from simsiam_core.model.checkpoint import load_encoder as load_encoder
    from simsiam_core.model.checkpoint import recipe as recipe
    from simsiam_core.model.joint_embedding import JointEmbedding as JointEmbedding
    from simsiam_core.model.joint_embedding import Output as Output
    from simsiam_core.model.joint_embedding import TargetEmbedding as TargetEmbedding
    from simsiam_core.model.simsiam import SimSiam as SimSiam
    from simsiam_core.model.simsiam import negative_cosine as negative_cosine
    from simsiam_core.model.simsiam import rotation_task as rotation_task
    from simsiam_core.model.simsiam import simsiam_loss as simsiam_loss
    from simsiam_core.model.simsiam import with_small_views as with_small_views

__getattr__ = lazy_names(
    __name__,
    {
        "Backbone": "simsiam_core.model.backbone",
        "CheckpointError": "simsiam_core.model.checkpoint",
        "Encoder": "simsiam_core.model.checkpoint",
        "JointEmbedding": "simsiam_core.model.joint_embedding",
        "Output": "simsiam_core.model.joint_embedding",
        "ResNet": "simsiam_core.model.backbones.resnet",
        "SimSiam": "simsiam_core.model.simsiam",
        "TargetEmbedding": "simsiam_core.model.joint_embedding",
        "build_backbone": "simsiam_core.model.backbone",
        "fingerprint": "simsiam_core.model.checkpoint",
        "load_encoder": "simsiam_core.model.checkpoint",
        "negative_cosine": "simsiam_core.model.simsiam",
        "recipe": "simsiam_core.model.checkpoint",
        "rotation_task": "simsiam_core.model.simsiam",
        "simsiam_loss": "simsiam_core.model.simsiam",
        "with_small_views": "simsiam_core.model.simsiam",
    },
)
