"""Device and precision of a run, chosen by the machine where the config says auto."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch

from simsiam_core.config import ConfigError, TrainingConfig
from simsiam_core.jobs.ranks import rank
from simsiam_core.model.precision import true_fp32

Precision = Literal["32-true", "16-mixed", "bf16-mixed"]
HALF: dict[str, torch.dtype] = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}  # autocast dtypes


def resolve_device(config: TrainingConfig) -> tuple[Literal["cpu", "gpu"], Precision]:
    """Choose accelerator and precision where the config says "auto". Raises ConfigError for missing GPUs."""
    gpu = torch.cuda.is_available()
    if config.device == "gpu" and not gpu:
        raise ConfigError.at(
            "training.device", "Device is gpu, but no CUDA GPU is usable here; choose auto or cpu."
        )
    accelerator: Literal["cpu", "gpu"] = "gpu" if gpu and config.device != "cpu" else "cpu"
    here = rank().local_count if rank().count > 1 else config.devices
    if accelerator == "gpu" and here > (there := torch.cuda.device_count()):
        raise ConfigError.at(
            "training.devices",
            f"Devices is {config.devices}, of which {here} on this machine, where this job may use {there} GPU; "
            "lower it.",
        )
    if config.precision != "auto":
        return accelerator, config.precision
    if accelerator == "cpu":
        return accelerator, "32-true"  # bf16 autocast measured slower on CPUs
    return accelerator, "bf16-mixed" if _has_bf16(here) else "16-mixed"


def matmul_precision(precision: Precision, accelerator: str) -> AbstractContextManager[None]:
    """Compute matrix products of `32-true` in fp32, without TF32; leave other precisions to Lightning."""
    kind = "cuda" if accelerator == "gpu" else "cpu"
    return true_fp32(kind) if precision == "32-true" else nullcontext()


def autocast(device_type: str, precision: Precision) -> AbstractContextManager[object]:
    """Apply autocast as Lightning's trainer does, for loops without one; does nothing if precision is fp32.

    Weights are cast again for every view: with a single cast, their gradients would be summed in low
    precision.
    """
    half = HALF.get(precision)
    return torch.autocast(device_type, half, cache_enabled=False) if half else nullcontext()


def _has_bf16(devices: int) -> bool:
    """Return whether all GPUs of a job support bf16; older ones (V100, T4) only emulate it, much slower."""
    if not torch.cuda.is_bf16_supported(including_emulation=False):
        return False
    others = range(1, devices)
    return bool(torch.version.hip) or all(torch.cuda.get_device_capability(i) >= (8, 0) for i in others)
