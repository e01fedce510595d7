"""Barlow Twins (Zbontar et al., 2021): the cross-correlation of two views' projections becomes the identity."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from simsiam_core.training.method import Method

if TYPE_CHECKING:
    from torch import Tensor

    from simsiam_core.config import Config
    from simsiam_core.model import JointEmbedding
    from simsiam_core.training.step import Step


def network(config: Config) -> JointEmbedding:
    """Build the network of section 2.2: a projector of three layers of equal width, the last one linear."""
    from simsiam_core.model import JointEmbedding, build_backbone
    from simsiam_core.model.joint_embedding import mlp

    backbone = build_backbone(config.model, config.data.image_size)
    widths = (backbone.feature_dim, *[config.model.projector_dim] * 3)
    return JointEmbedding(backbone, mlp(widths, final_bias=False))


def barlow_twins_loss(first: Tensor, second: Tensor, redundancy_weight: float) -> Tensor:
    """Return the loss of equation 1 on projections `[B, D]`: Σ (1 − C_ii)² + λ Σ C_ij² over i ≠ j."""
    import torch.nn.functional as F

    first, second = (F.batch_norm(z, None, None, training=True) for z in (first, second))
    correlation = first.T @ second / len(first)
    diagonal = correlation.diagonal()
    others = correlation.square().sum() - diagonal.square().sum()
    return (1 - diagonal).square().sum() + redundancy_weight * others


def _loss(step: Step) -> Tensor:
    weight = step.config.objective.redundancy_weight
    return step.mean_over_pairs(partial(barlow_twins_loss, redundancy_weight=weight))


ENTRY = Method(
    title="Barlow Twins",
    help="Each dimension agrees between two views, and different dimensions are uncorrelated (Zbontar et al., 2021).",
    network=network,
    loss=_loss,
)
