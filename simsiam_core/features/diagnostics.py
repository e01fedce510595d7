"""Signs of collapse: a loss near −1 is no success if every image maps to the same point."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


@torch.no_grad()
def representation_std(z: Tensor) -> Tensor:
    """Mean per-dimension std of l2-normalised z [B, d], times √d (SimSiam, section 4.1, figure 2).

    1 if z fills the sphere evenly, 0 if it has collapsed. A 0-d float32 tensor on z's device, without waiting
    for that device.
    """
    z = F.normalize(z.float(), dim=1)
    return z.std(dim=0).mean() * z.shape[1] ** 0.5


@torch.no_grad()
def effective_rank(z: Tensor) -> Tensor:
    """Effective rank of z [B, d]: exp of the entropy of its normalised singular values (Roy & Vetterli 2007).

    From 1 (all rows on one line) to min(B, d). NaN if z is not finite. A 0-d float32 tensor on z's device.
    The floor, read at full collapse, is 1.00 for z computed in fp32; rounding to bf16 alone raises it to 1.3 (see
    `SimSiam.fp32_projections`). Singular values are taken of z itself in float32: by way of z zᵀ the small ones
    would drown in rounding, or take float64, in which many GPUs are slow. On the CPU, where 512 rows take some 50
    ms, less than a GPU's solver; the caller waits for the device. Meant for every so many steps, not for each.
    """
    rows = z.float().cpu()
    finite = bool(rows.isfinite().all())
    singular = torch.linalg.svdvals(rows if finite else torch.zeros_like(rows))
    share = singular / singular.sum().clamp(min=1e-30)
    entropy = -torch.xlogy(share, share).sum()
    return (entropy.exp() if finite else torch.tensor(torch.nan)).to(z.device)
