"""Checks the machine's environment: versions, devices, and the compiler that GPU jobs need."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Iterator
from importlib.metadata import version

import torch

from simsiam_core.bench.accept.rows import NO_GPU, Place, Row, equal, skipped
from simsiam_core.config import TrainingConfig
from simsiam_core.jobs.slots import find_slots
from simsiam_core.training.compilation import toolchain_problem
from simsiam_core.training.device import resolve_device


def check(place: Place) -> Iterator[Row]:
    """Check versions, devices and the compiler; without a GPU only report what is there."""
    lightning = version("pytorch-lightning")
    versions = f"Python {platform.python_version()}, torch {torch.__version__}, Lightning {lightning}"
    yield Row("versions", True, versions)
    slots = [slot for slot in find_slots() if slot.gpu is not None]
    # CUDA shows a process at most one MIG instance, while each instance is a slot.
    parts = [slot for slot in slots if (slot.gpu or "").startswith("MIG")]
    note = f"{len(parts)} MIG instances" if parts else ""
    yield equal("GPU slots are the GPUs of torch", len(slots), len(parts) or torch.cuda.device_count(), note)
    if not place.gpu:
        yield from skipped(["GPU", "precision", "compiler and headers of Python"], NO_GPU)
        return
    for index in range(torch.cuda.device_count()):
        yield Row(
            f"GPU {index}", True, _described(index), note=slots[index].name if index < len(slots) else ""
        )
    _, precision = resolve_device(TrainingConfig(device="gpu"))
    native = torch.cuda.get_device_capability()[0] >= 8
    yield equal(
        "precision", precision, "bf16-mixed" if native else "16-mixed", "bf16 is native from capability 8"
    )
    problem = toolchain_problem()
    yield Row(
        "compiler and headers of Python",
        not problem,
        problem or _compiler(),
        note="without, training is eager",
    )


def _described(index: int) -> str:
    properties = torch.cuda.get_device_properties(index)
    capability = f"{properties.major}.{properties.minor}"
    memory = f"{properties.total_memory / 1e9:.0f} GB"
    return f"{properties.name}, {memory}, capability {capability}, CUDA {torch.version.cuda}"


def _compiler() -> str:
    from shutil import which

    found = which("gcc") or which("clang") or "cc"
    answer = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)
    return (answer.stdout.splitlines() or [found])[0]
