"""Checks that a job sees only its own GPU, and that the dashboard's estimates leave the GPU to the jobs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import torch

from simsiam_core.bench.accept.rows import NO_GPU, Place, Row, equal, skipped, within
from simsiam_core.bench.accept.training import small
from simsiam_core.features.worker import InspectionWorker
from simsiam_core.jobs.slots import find_slots, variables
from simsiam_core.training.estimate import predict

MEMORY_GB = 1.0  # after three estimates: only a CUDA context with its libraries
SEEN = """
import torch
count = torch.cuda.device_count()
print(count, torch.cuda.get_device_properties(0).uuid if count else "none")
"""


def check(place: Place) -> Iterator[Row]:
    """Check the GPUs visible to a process in each slot, then the page's estimates in the worker."""
    names = ("a job sees its GPU alone", "memory of the worker after three estimates, GB")
    if not place.gpu:
        yield from skipped(names, NO_GPU)
        return
    slots = [slot for slot in find_slots() if slot.gpu is not None]
    seen = [_seen(variables([slot], 1)) for slot in slots]
    alone = sum(answer.startswith("1 ") for answer in seen)
    yield equal(names[0], f"{alone} of {len(slots)}", f"{len(slots)} of {len(slots)}", "; ".join(seen))
    if not any((slot.gpu or "").startswith("MIG") for slot in slots):  # instances of one GPU may share its id
        yield equal("GPUs seen by all jobs together", len(set(seen)), torch.cuda.device_count())
    yield _memory_of_estimates(place, names[1])


def _seen(environment: dict[str, str]) -> str:
    answer = subprocess.run(
        [sys.executable, "-c", SEEN],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return answer.stdout.strip() or (answer.stderr.strip().splitlines() or ["nothing"])[-1]


def _memory_of_estimates(place: Place, name: str) -> Row:
    """Check the GPU memory still used by the worker after its response."""
    torch.cuda.empty_cache()
    before = torch.cuda.mem_get_info()[0]
    told = []
    with InspectionWorker("simsiam_core.training.estimate") as worker:
        for batch in (128, 256, 512):
            values = small(place, {"training": {"batch_size": batch}}).model_dump()
            told.append(worker.submit(predict, values).result(300).images_per_second)
        taken = before - torch.cuda.mem_get_info()[0]
    return within(name, taken / 1e9, MEMORY_GB, ", ".join(f"{pace:,.0f} images/s" for pace in told))
