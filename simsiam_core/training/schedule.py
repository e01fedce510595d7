"""Schedules as pure functions of the step: the learning rate, and the momentum of a target network."""

from __future__ import annotations

import math


def lr_factor(
    step: int, *, warmup_steps: int, total_steps: int, restart_step: int = 0, decayed: bool = True
) -> float:
    """Return the fraction of the peak learning rate at optimiser step `step`, counted from 0.

    Linear from 1/warmup_steps to 1 during warm-up, then half a cosine to 0 (Loshchilov & Hutter, 2016;
    SimSiam section 4), or constant at 1 if `decayed` is off. From `restart_step` on, a second half cosine
    goes from the peak to 0 at `total_steps` (SGDR: Loshchilov & Hutter, 2016).
    """
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    if not decayed:
        return 1.0
    start, end = (
        (restart_step, total_steps)
        if step >= restart_step > 0
        else (warmup_steps, restart_step or total_steps)
    )
    progress = (step - start) / max(1, end - start)
    return 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))


def target_momentum(step: int, total_steps: int, start: float, end: float) -> float:
    """Return the momentum τ of a target network after optimiser step `step`, counted from 0.

    Half a cosine from `start` to `end`: τ = 1 − (1 − τ₀) (cos(π k / K) + 1) / 2 for end 1 (Grill et al., 2020,
    section 3.3).
    """
    progress = min(1.0, step / max(1, total_steps))
    return end - (end - start) * 0.5 * (1.0 + math.cos(math.pi * progress))
