"""Where jobs may run: one slot for each GPU, and as many on the CPU as the person wants."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass

from simsiam_core.config import TrainingConfig


@dataclass(frozen=True)
class Slot:
    """A place for one job: `name` as people see it, and the GPU a job in it may see (None: no GPU)."""

    name: str
    gpu: str | None = None

    @property
    def kind(self) -> str:
        """GPU or CPU."""
        return "CPU" if self.gpu is None else "GPU"

    def variables(self, cpu_slots: int) -> dict[str, str]:
        """Environment of a job in this slot: its GPU alone; CPU jobs share the cores evenly."""
        chosen = {"CUDA_VISIBLE_DEVICES": self.gpu or ""}
        if self.gpu is None and cpu_slots > 1:
            chosen["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // cpu_slots))
        return chosen


def find_slots(cpu_slots: int = 1) -> tuple[Slot, ...]:
    """The slots of this machine; CUDA_VISIBLE_DEVICES, where it is set, says which GPUs there are."""
    gpus = [Slot(f"GPU {gpu}", gpu) for gpu in _gpus()]
    return (*gpus, *(Slot(f"CPU {n}") for n in range(1, cpu_slots + 1)))


def _gpus() -> list[str]:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [gpu.strip() for gpu in visible.split(",") if gpu.strip() and gpu.strip() != "-1"]
    if shutil.which("nvidia-smi") is None:
        return []
    command = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in answer.stdout.splitlines() if line.strip().isdigit()]


def kind_for(config: TrainingConfig, slots: tuple[Slot, ...]) -> str:
    """The kind of slot a job needs. Without any GPU even `gpu` goes to the CPU, and says there what is wrong."""
    gpus = any(slot.kind == "GPU" for slot in slots)
    return "GPU" if gpus and config.device != "cpu" else "CPU"
