"""SimSiam (Chen & He, 2020): backbone f, projector, predictor h, and the loss of equations 2 and 4.

Two published extensions are options of the same network: more than two views (FastSiam: Pototzky et al.,
2022), and prediction of a crop's rotation (E-SimSiam: Dangovski et al., 2022).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from simsiam_core.config import ModelConfig
from simsiam_core.model.backbone import build_backbone
from simsiam_core.model.joint_embedding import JointEmbedding, Output


class SimSiam(JointEmbedding):
    """The SimSiam network (section 3; batch norms as in section 4.4, appendix D for CIFAR)."""

    entry_points = ("tell_rotation",)

    def __init__(self, config: ModelConfig, image_size: int = 32, *, rotation: bool = False) -> None:
        backbone = build_backbone(config, image_size)
        heads = projector(backbone.feature_dim, config), predictor(config) if config.predictor else None
        super().__init__(backbone, *heads)
        # Created last, so that the other weights are initialised as in a network without it.
        self.rotation = rotation_head(self.backbone.feature_dim, config.projector_dim) if rotation else None

    def tell_rotation(self, turned: Tensor) -> Tensor:
        """Predict rotation logits `[N, 4]`, one per quarter turn, of normalised crops `[N, 3, C, C]`."""
        assert self.rotation is not None, "made without rotation=True"
        return self.rotation(self.backbone(turned))


def projector(dim: int, config: ModelConfig) -> nn.Sequential:
    """Build the projector: linear layers, each with batch norm, and ReLU on all but the last."""
    layers: list[nn.Module] = []
    for index in range(config.projector_layers):
        last = index == config.projector_layers - 1
        layers.append(nn.Linear(dim, config.projector_dim, bias=False))  # the batch norm adds the bias
        layers.append(nn.BatchNorm1d(config.projector_dim, affine=config.projector_affine or not last))
        if not last:
            layers.append(nn.ReLU(inplace=True))
        dim = config.projector_dim
    return nn.Sequential(*layers)


def predictor(config: ModelConfig) -> nn.Sequential:
    """Build the predictor h, a bottleneck: batch norm and ReLU on the hidden layer only."""
    return nn.Sequential(
        nn.Linear(config.projector_dim, config.predictor_hidden, bias=False),
        nn.BatchNorm1d(config.predictor_hidden),
        nn.ReLU(inplace=True),
        nn.Linear(config.predictor_hidden, config.projector_dim),
    )


def rotation_head(dim: int, hidden: int) -> nn.Sequential:
    """Build the head from features to logits of four quarter turns, as wide as the projector.

    Its layers are those of E-SimSiam's code.
    """
    return nn.Sequential(
        nn.Linear(dim, hidden),
        nn.LayerNorm(hidden),
        nn.ReLU(inplace=True),
        nn.Linear(hidden, hidden),
        nn.LayerNorm(hidden),
        nn.Linear(hidden, 4),
    )


def negative_cosine(p: Tensor, z: Tensor) -> Tensor:
    """Return D(p, z) of equation 1, averaged over the batch: −1 if all pairs are aligned."""
    return -F.cosine_similarity(p.float(), z.float(), dim=1).mean()


def simsiam_loss(outputs: Sequence[Output], *, stop_gradient: bool = True) -> Tensor:
    """Compute the loss of predicting, from each view, the mean projection of the others, −1 to 1.

    With two views this is equation 4 of SimSiam, ½ D(p₁, sg z₂) + ½ D(p₂, sg z₁); with more, the target of
    FastSiam. Raises ValueError for fewer than two views.
    """
    if len(outputs) < 2:
        raise ValueError(f"The loss compares views; {len(outputs)} is too few.")
    targets = [output.z.detach() if stop_gradient else output.z for output in outputs]
    losses = [
        negative_cosine(output.p, torch.stack(targets[:i] + targets[i + 1 :]).mean(0))
        for i, output in enumerate(outputs)
    ]
    return torch.stack(losses).mean()


def with_small_views(
    loss: Tensor, outputs: Sequence[Output], local: Sequence[Output], *, stop_gradient: bool = True
) -> Tensor:
    """Return the mean loss over all views, of which the small ones predict the mean projection of the others.

    `loss` is that of the full-size views, whose `outputs` are the target (multi-crop: Caron et al., 2020).
    """
    target = torch.stack([output.z for output in outputs]).mean(0)
    target = target.detach() if stop_gradient else target
    small = torch.stack([negative_cosine(output.p, target) for output in local])
    return (len(outputs) * loss + small.sum()) / (len(outputs) + len(local))


def rotation_task(crops: Tensor) -> tuple[Tensor, Tensor]:
    """Return square crops `[B, 3, S, S]` in all four quarter turns `[4B, 3, S, S]`, and the labels `[4B]`."""
    turned = torch.cat([crops.rot90(turns, (2, 3)) for turns in range(4)])
    return turned, torch.arange(4, device=crops.device).repeat_interleave(len(crops))
