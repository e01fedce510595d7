"""Spread of the representation, to detect collapse: with all images at one point, the loss also nears −1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simsiam_core.metrics import Metric, StepOutputs

if TYPE_CHECKING:
    from torch import Tensor

REPRESENTATION_STD = "representation/std"
COLLAPSED_STD = 0.2  # below it the representation has collapsed, or is about to


def representation_std(z: Tensor) -> Tensor:
    """Compute the mean per-dimension std of l2-normalised z [B, d], times √d (SimSiam, section 4.1, figure 2).

    1 if z fills the sphere evenly, 0 if it has collapsed. Returns a 0-d float32 tensor on z's device, without
    waiting for that device.
    """
    import torch
    from torch.nn import functional as F

    with torch.no_grad():
        z = F.normalize(z.float(), dim=1)
        return z.std(dim=0).mean() * z.shape[1] ** 0.5


def measure(step: StepOutputs) -> Tensor:
    """Return the std of a step's projections, over all processes."""
    return representation_std(step.z)


ENTRY = Metric(
    name=REPRESENTATION_STD,
    title="Representation std",
    help="Mean per-dimension std of the l2-normalised projections, times √d (SimSiam, section 4.1, figure 2): 1 where "
    "they fill the sphere evenly, 0 where all images map to one point.",
    order=40,
    format=".2f",
    bounds=(0, None),
    healthy=(COLLAPSED_STD, None),
    key="std",
    column="Std",
    result=True,
    chart="std",
    note="0 collapsed; near 1 healthy",
    axis=(0, 1.1),
    measure=measure,
)
