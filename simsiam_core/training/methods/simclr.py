"""SimCLR (Chen et al., 2020): the other view of an image is told from all other images of the batch."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from simsiam_core.training.method import Method

if TYPE_CHECKING:
    from torch import Tensor

    from simsiam_core.config import Config
    from simsiam_core.model import JointEmbedding
    from simsiam_core.training.step import Step


def _network(config: Config) -> JointEmbedding:
    """Build the network of section 4.2: a projector of two layers, the last one linear."""
    from simsiam_core.model import JointEmbedding, build_backbone
    from simsiam_core.model.joint_embedding import mlp

    model = config.model
    backbone = build_backbone(model, config.data.image_size)
    widths = (backbone.feature_dim, model.projector_dim, model.projection_dim)
    return JointEmbedding(backbone, mlp(widths, final_bias=False))


def nt_xent_loss(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Return NT-Xent, equation 1 averaged over the 2B views, of projections `[B, D]` of two views."""
    import torch
    import torch.nn.functional as F

    z = F.normalize(torch.cat([first, second]), dim=1)
    itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
    similarities = (z @ z.T / temperature).masked_fill(itself, float("-inf"))
    partners = torch.arange(len(z), device=z.device).roll(len(first))
    return F.cross_entropy(similarities, partners)


def _loss(step: Step) -> Tensor:
    temperature = step.config.objective.contrast_temperature
    return step.mean_over_pairs(partial(nt_xent_loss, temperature=temperature))


ENTRY = Method(
    title="SimCLR",
    help="The other view of an image is told from all other images of the batch (Chen et al., 2020).",
    network=_network,
    loss=_loss,
)
