"""Effective rank: the number of dimensions that the representation uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simsiam_core.metrics import Metric, StepOutputs

if TYPE_CHECKING:
    from torch import Tensor

EFFECTIVE_RANK = "representation/effective_rank"
EVERY_STEPS = 200  # takes as long as several steps
ROWS = 512  # the time grows with their square; no preset has more


def effective_rank(z: Tensor) -> Tensor:
    """Compute the effective rank of z [B, d] (Roy & Vetterli 2007).

    It is exp of the entropy of the normalised singular values: from 1 (all rows on one line) to min(B, d);
    NaN if z is not finite. Returns a 0-d float32 tensor on z's device. The floor, at full collapse, is 1.00
    for z computed in fp32; rounding to bf16 alone raises it to 1.3 (see `SimSiam.fp32_projections`). Singular
    values are computed from z itself in float32: from z zᵀ, the small ones would be lost to rounding or
    require float64, in which many GPUs are slow. Runs on the CPU, where 512 rows take about 50 ms, less than
    a GPU's solver; the caller waits for the device. Meant to be measured every so many steps, not at each.
    """
    import torch

    with torch.no_grad():
        rows = z.float().cpu()
        finite = bool(rows.isfinite().all())
        singular = torch.linalg.svdvals(rows if finite else torch.zeros_like(rows))
        share = singular / singular.sum().clamp(min=1e-30)
        entropy = -torch.xlogy(share, share).sum()
        return (entropy.exp() if finite else torch.tensor(torch.nan)).to(z.device)


def measure(step: StepOutputs) -> Tensor:
    """Return the effective rank of a step's projections, in fp32."""
    return effective_rank(step.fp32_z(ROWS))


ENTRY = Metric(
    name=EFFECTIVE_RANK,
    title="Effective rank",
    help=f"Number of dimensions in use: exp of the entropy of the projections' singular values (Roy & Vetterli, "
    f"2007), of {ROWS} rows. From 1.00, where all rows lie on one line, to the dimension of the projection.",
    order=50,
    format=".1f",
    bounds=(1, None),
    decimals=2,
    key="rank",
    chart="rank",
    note="dimensions in use",
    axis=(0, None),
    measure=measure,
    every_steps=EVERY_STEPS,
)
