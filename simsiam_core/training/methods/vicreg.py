"""VICReg (Bardes et al., 2022): views agree, dimensions vary, and different dimensions are uncorrelated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simsiam_core.training.method import Method
from simsiam_core.training.methods import barlow_twins

if TYPE_CHECKING:
    from torch import Tensor

    from simsiam_core.training.step import Step


EPSILON = 1e-4  # inside the square root of the variance, as in the authors' code


def variance_loss(z: Tensor) -> Tensor:
    """Return how far the std of each dimension of `[B, D]` is below 1, on average (equation 1)."""
    return (1 - (z.var(0) + EPSILON).sqrt()).relu().mean()


def covariance_loss(z: Tensor) -> Tensor:
    """Return the squared covariances of different dimensions of `[B, D]`, summed, over D (equation 4)."""
    centred = z - z.mean(0)
    covariance = centred.T @ centred / (len(z) - 1)
    return (covariance.square().sum() - covariance.diagonal().square().sum()) / z.shape[1]


def vicreg_loss(
    first: Tensor, second: Tensor, invariance: float, variance: float, covariance: float
) -> Tensor:
    """Return the loss of equation 6 on projections `[B, D]`, with its three weights λ, μ, ν.

    As in the authors' code, which the weights of the paper belong to, the distance is the mean over dimensions,
    and the variance terms of the two views are averaged.
    """
    import torch.nn.functional as F

    distance = F.mse_loss(first, second)
    spread = (variance_loss(first) + variance_loss(second)) / 2
    redundancy = covariance_loss(first) + covariance_loss(second)
    return invariance * distance + variance * spread + covariance * redundancy


def _loss(step: Step) -> Tensor:
    o = step.config.objective
    weights = (o.invariance_weight, o.variance_weight, o.covariance_weight)
    return step.mean_over_pairs(lambda first, second: vicreg_loss(first, second, *weights))


ENTRY = Method(
    title="VICReg",
    help="Two views agree while every dimension keeps a standard deviation of 1 and differs from the others "
    "(Bardes et al., 2022).",
    network=barlow_twins.network,  # the expander of section 4.2 has the layers of Barlow Twins' projector
    loss=_loss,
)
