"""Slots in which jobs run: one per GPU or MIG instance, and a chosen number on the CPU."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from simsiam_core.config import TrainingConfig
from simsiam_core.jobs.gpus import visible_gpus

# GOMP_SPINCOUNT of CPU jobs: iterations a thread busy-waits for the others before it yields its core. 0
# halves the speed of a small network, whose threads synchronise every few microseconds; libgomp's default of
# 300,000 keeps the core from the page and from the threads being waited for.
SPINS = "1000"
BESIDE = "none, beside what runs"  # recorded as the slot of a job that a user started although none was free


@dataclass(frozen=True)
class Slot:
    """A place for one job: its displayed `name`, and the GPU visible to its job (None: no GPU)."""

    name: str
    gpu: str | None = None

    @property
    def kind(self) -> str:
        """The kind of the slot, GPU or CPU."""
        return "CPU" if self.gpu is None else "GPU"


def slot_names(slots: Sequence[Slot]) -> str:
    """Return the names of a job's slots as stored in the queue and displayed: "GPU 0, GPU 1"."""
    return ", ".join(slot.name for slot in slots)


def slots_named(text: str, slots: Sequence[Slot]) -> list[Slot]:
    """Return the `slots` named in a text by `slot_names`, or by CUDA_VISIBLE_DEVICES entries."""
    parts = text.split(", ")
    return [slot for slot in slots if slot.name in parts or any(_has_id(slot, part) for part in parts)]


def _has_id(slot: Slot, name: str) -> bool:
    """Return whether `name` is an earlier version's name for the slot: its GPU's id, possibly a prefix."""
    entry = name.removeprefix("GPU ")
    return entry.startswith(("GPU-", "MIG-")) and (slot.gpu or "").startswith(entry)


def variables(slots: Sequence[Slot], cpu_slots: int) -> dict[str, str]:
    """Return a job's environment variables: only its GPUs are visible; CPU jobs share the cores evenly."""
    gpus = [slot.gpu for slot in slots if slot.gpu is not None]
    chosen = {"CUDA_VISIBLE_DEVICES": ",".join(gpus)}
    if not gpus:
        chosen["GOMP_SPINCOUNT"] = SPINS
    if not gpus and cpu_slots > 1:
        chosen["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // cpu_slots))
    return chosen


def find_slots(cpu_slots: int = 1) -> tuple[Slot, ...]:
    """Return the slots of this machine; CUDA_VISIBLE_DEVICES, where it is set, limits the GPUs."""
    gpus = [Slot(gpu.name, gpu.id) for gpu in visible_gpus()]
    return (*gpus, *(Slot(f"CPU {n}") for n in range(1, cpu_slots + 1)))


def slots_needed(config: TrainingConfig, slots: Sequence[Slot]) -> tuple[str, int]:
    """Return the slot kind a job needs, and how many: one per GPU; all processes of a CPU job share one.

    A job that asks for `gpu` where there is none gets the CPU, and one that asks for too many GPUs gets all:
    the job itself then reports the error.
    """
    gpus = sum(slot.kind == "GPU" for slot in slots)
    if gpus and config.device != "cpu":
        return "GPU", min(config.devices, gpus)
    return "CPU", 1
