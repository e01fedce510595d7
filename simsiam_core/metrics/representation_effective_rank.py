"""How many dimensions the representation uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simsiam_core.metrics import Metric, StepOutputs

if TYPE_CHECKING:
    from torch import Tensor

EFFECTIVE_RANK = "representation/effective_rank"
EVERY_STEPS = 200  # it takes the time of several steps
ROWS = 512  # and grows with the square of these; none of the presets has more


def effective_rank(z: Tensor) -> Tensor:
    """Effective rank of z [B, d]: exp of the entropy of its normalised singular values (Roy & Vetterli 2007).

    From 1 (all rows on one line) to min(B, d). NaN if z is not finite. A 0-d float32 tensor on z's device.
    The floor, read at full collapse, is 1.00 for z computed in fp32; rounding to bf16 alone raises it to 1.3 (see
    `SimSiam.fp32_projections`). Singular values are taken of z itself in float32: by way of z zᵀ the small ones
    would drown in rounding, or take float64, in which many GPUs are slow. On the CPU, where 512 rows take some 50
    ms, less than a GPU's solver; the caller waits for the device. Meant for every so many steps, not for each.
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
    """Return the rank of a step's projections, in fp32."""
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
