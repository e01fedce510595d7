"""Evaluations in the queue: each takes a slot like a run, before the runs that wait, since it takes minutes.

`<runs-dir>/.evaluations/` holds one file for each that waits or runs, with the slot it was given; what the
evaluation is doing stands in its own status. So a restarted scheduler knows what a killed one knew.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simsiam_core.jobs.process import launch
from simsiam_core.jobs.slots import Slot, named, variables
from simsiam_core.runs import RunDirectory, RunError, RunStore
from simsiam_core.runs.evaluations import EvaluationDirectory, create_evaluation, find_evaluation
from simsiam_core.runs.files import write_text

PLACES_DIR = ".evaluations"


def enqueue_evaluation(
    store: RunStore, run: RunDirectory, settings: Mapping[str, Any]
) -> EvaluationDirectory:
    """A new evaluation that the scheduler starts as soon as a slot is free. Raises RunError."""
    job = create_evaluation(run, settings)
    folder = store.path / PLACES_DIR
    try:
        folder.mkdir(exist_ok=True)
        _note(folder / f"{job.id}.json", job, slot="")
    except OSError as error:
        job.update_status(state="failed", error="It could not be queued.", ended=time.time())
        raise RunError(f"Cannot write to {folder}: {error.strerror}.") from None
    return job


def start_beside(job: EvaluationDirectory) -> None:
    """Start one that waits at once, beside whatever runs. Raises RunError."""
    if job.status().state != "queued":
        raise RunError(f"The evaluation does not wait; it is {job.status().state}.")
    launch(job, command=_command(job))


class EvaluationQueue:
    """What the scheduler does for the evaluations of one folder of runs."""

    def __init__(self, store: RunStore) -> None:
        self._store = store

    def __bool__(self) -> bool:
        """Whether any waits or runs, as of the last look."""
        return any((self._store.path / PLACES_DIR).glob("*.json"))

    def settle(self, free: list[Slot]) -> list[EvaluationDirectory]:
        """Take the slots of those that run out of `free`; returns those that wait, the oldest first."""
        waiting = []
        for path in sorted((self._store.path / PLACES_DIR).glob("*.json")):
            job, slot = self._read(path)
            state = job.status().state if job else "gone"
            if job and state == "queued":
                waiting.append(job)
            elif job and state == "running":
                taken = next(iter(named(slot, free)), None)
                if taken is not None:
                    free.remove(taken)
            else:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
        return waiting

    def start(self, waiting: list[EvaluationDirectory], free: list[Slot], slots: tuple[Slot, ...]) -> None:
        """Start what `free` has room for, on a GPU where the machine has one; the others are told why they wait."""
        kind = "GPU" if any(slot.kind == "GPU" for slot in slots) else "CPU"
        cpu_slots = sum(slot.kind == "CPU" for slot in slots)
        for job in waiting:
            slot = next((s for s in free if s.kind == kind), None)
            if slot is None:
                count = sum(s.kind == kind for s in slots)
                text = f"Waits for a {kind} slot: {count} of {count} taken."
                if job.status().activity != text:
                    job.update_status(activity=text)
                continue
            free.remove(slot)
            try:
                _note(self._store.path / PLACES_DIR / f"{job.id}.json", job, slot.name)
                launch(job, variables([slot], cpu_slots), _command(job))
            except (RunError, OSError) as error:
                print(f"{job.run.id}, {job.id}: {error}", flush=True)

    def _read(self, path: Path) -> tuple[EvaluationDirectory | None, str]:
        try:
            noted = json.loads(path.read_text(encoding="utf-8"))
            run = self._store.get(str(noted["run"]))
            return find_evaluation(run, path.stem), str(noted["slot"])
        except (OSError, ValueError, KeyError, TypeError, RunError):
            return None, ""


def _note(path: Path, job: EvaluationDirectory, slot: str) -> None:
    write_text(path, json.dumps({"run": job.run.id, "slot": slot}))


def _command(job: EvaluationDirectory) -> tuple[str, ...]:
    return ("evaluate", job.kind, str(job.run.path), "--job", job.id)
