"""Whether torch.compile pays: it makes every step quicker, and takes about a minute before the first."""

from __future__ import annotations

import torch

from simsiam_core.config import TrainingConfig

WORTH_STEPS = 5_000  # fewer are over before the minute is earned back


def decide(config: TrainingConfig, device: torch.device, steps: int) -> tuple[bool, str]:
    """Whether to compile the network for a run of `steps` steps on `device`, and why, as a sentence."""
    if config.compile != "auto":
        return config.compile == "always", f"Compiling the network: {config.compile}, as set."
    if device.type != "cuda":
        return False, "The network is not compiled: that is for GPUs."
    if not _triton():
        return False, "The network is not compiled: Triton, which that takes, does not work here."
    if steps < WORTH_STEPS:
        return (
            False,
            f"The network is not compiled: that pays from {WORTH_STEPS:,} steps, and these are {steps:,}.",
        )
    return True, f"The network is compiled before the first step, which pays over {steps:,} steps."


def _triton() -> bool:
    from torch.utils._triton import has_triton

    return bool(has_triton())
