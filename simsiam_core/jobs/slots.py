"""Where jobs may run: one slot for each GPU or part of one, and as many on the CPU as the person wants."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from simsiam_core.config import TrainingConfig
from simsiam_core.jobs.gpus import visible_gpus

# Turns of a loop in which a thread of a CPU job watches for the others, before it leaves the core to the page. None
# at all makes a small network half as fast, whose threads meet again and again within microseconds; libgomp's own
# 300,000 keep the core from a page that needs it, and from the very threads that are waited for.
SPINS = "1000"
BESIDE = "none, beside what runs"  # noted as the slot of a job that a person started although none was free


@dataclass(frozen=True)
class Slot:
    """A place for one job: `name` as people see it, and the GPU a job in it may see (None: no GPU)."""

    name: str
    gpu: str | None = None

    @property
    def kind(self) -> str:
        """GPU or CPU."""
        return "CPU" if self.gpu is None else "GPU"


def slot_names(slots: Sequence[Slot]) -> str:
    """Slots that one job takes, as they are noted in the queue and shown: "GPU 0, GPU 1"."""
    return ", ".join(slot.name for slot in slots)


def slots_named(text: str, slots: Sequence[Slot]) -> list[Slot]:
    """Return those of `slots` that `slot_names` wrote, also where they were named by CUDA_VISIBLE_DEVICES' entries."""
    parts = text.split(", ")
    return [slot for slot in slots if slot.name in parts or any(_has_id(slot, part) for part in parts)]


def _has_id(slot: Slot, name: str) -> bool:
    """Return whether an earlier version gave the slot that name: an id of its GPU, which may be cut short."""
    entry = name.removeprefix("GPU ")
    return entry.startswith(("GPU-", "MIG-")) and (slot.gpu or "").startswith(entry)


def variables(slots: Sequence[Slot], cpu_slots: int) -> dict[str, str]:
    """Environment of a job in these slots: its GPUs alone; CPU jobs share the cores evenly."""
    gpus = [slot.gpu for slot in slots if slot.gpu is not None]
    chosen = {"CUDA_VISIBLE_DEVICES": ",".join(gpus)}
    if not gpus:
        chosen["GOMP_SPINCOUNT"] = SPINS
    if not gpus and cpu_slots > 1:
        chosen["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // cpu_slots))
    return chosen


def find_slots(cpu_slots: int = 1) -> tuple[Slot, ...]:
    """Return the slots of this machine; CUDA_VISIBLE_DEVICES, where it is set, says which GPUs there are."""
    gpus = [Slot(gpu.name, gpu.id) for gpu in visible_gpus()]
    return (*gpus, *(Slot(f"CPU {n}") for n in range(1, cpu_slots + 1)))


def slots_needed(config: TrainingConfig, slots: Sequence[Slot]) -> tuple[str, int]:
    """Return the kind of slot a job needs, and how many: one for each GPU; processes on the CPU share one.

    Without any GPU even `gpu` goes to the CPU, and one that wants more than there are takes all: it says
    there what is wrong.
    """
    gpus = sum(slot.kind == "GPU" for slot in slots)
    if gpus and config.device != "cpu":
        return "GPU", min(config.devices, gpus)
    return "CPU", 1
