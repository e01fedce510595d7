"""SimSiam (Chen & He, 2020): backbone f, projector, predictor h, and the symmetric loss of equation 2."""

from __future__ import annotations

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from simsiam_core.config import ModelConfig
from simsiam_core.model.backbone import build_backbone


class Output(NamedTuple):
    """What the network makes of one view: projection z and prediction p, both `[B, projector_dim]`."""

    z: Tensor
    p: Tensor


class SimSiam(nn.Module):
    """Backbone, projector and predictor (section 3; batch norms as in section 4.4, appendix D for CIFAR)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.backbone = build_backbone(config)
        self.projector = projector(self.backbone.dim, config)
        self.predictor = predictor(config) if config.predictor else nn.Identity()

    def forward(self, view: Tensor) -> Output:
        """One normalised view `[B, 3, S, S]`.

        Views go through one at a time: batch-norm statistics over two concatenated views are another
        method than the published one.
        """
        z = self.projector(self.backbone(view))
        return Output(z=z, p=self.predictor(z))


def projector(dim: int, config: ModelConfig) -> nn.Sequential:
    """Linear layers with batch norm on each, ReLU on all but the last."""
    layers: list[nn.Module] = []
    for index in range(config.projector_layers):
        last = index == config.projector_layers - 1
        layers.append(nn.Linear(dim, config.projector_dim, bias=False))  # the batch norm brings the bias
        layers.append(nn.BatchNorm1d(config.projector_dim, affine=config.projector_affine or not last))
        if not last:
            layers.append(nn.ReLU(inplace=True))
        dim = config.projector_dim
    return nn.Sequential(*layers)


def predictor(config: ModelConfig) -> nn.Sequential:
    """A bottleneck: batch norm and ReLU on the hidden layer only."""
    return nn.Sequential(
        nn.Linear(config.projector_dim, config.predictor_hidden, bias=False),
        nn.BatchNorm1d(config.predictor_hidden),
        nn.ReLU(inplace=True),
        nn.Linear(config.predictor_hidden, config.projector_dim),
    )


def negative_cosine(p: Tensor, z: Tensor) -> Tensor:
    """D(p, z) of equation 1, averaged over the batch: −1 when every pair points the same way."""
    return -F.cosine_similarity(p.float(), z.float(), dim=1).mean()


def symmetric_loss(first: Output, second: Output, *, stop_gradient: bool = True) -> Tensor:
    """Equation 4: ½ D(p₁, sg z₂) + ½ D(p₂, sg z₁), between −1 and 1."""
    z1, z2 = (first.z.detach(), second.z.detach()) if stop_gradient else (first.z, second.z)
    return 0.5 * negative_cosine(first.p, z2) + 0.5 * negative_cosine(second.p, z1)
