"""The learning rate as a pure function of the step."""

from __future__ import annotations

import math


def lr_factor(step: int, *, warmup_steps: int, total_steps: int, decayed: bool = True) -> float:
    """Share of the peak learning rate at optimiser step `step`, counted from 0.

    Linear from 1/warmup_steps to 1 during warm-up, then half a cosine to 0 (Loshchilov & Hutter, 2016;
    SimSiam section 4), or constant at 1 where `decayed` is off.
    """
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    if not decayed:
        return 1.0
    progress = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))
