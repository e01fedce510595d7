"""User actions on runs: queue, evaluate, resume, train longer, move. Shared by the page and the terminal.

None of them starts a process: they leave a run or an evaluation `queued`, and the scheduler starts it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from simsiam_core.config import Config, merge, parse
from simsiam_core.jobs.entries import read_queue
from simsiam_core.jobs.executor import EXECUTORS, executor_of
from simsiam_core.jobs.queue import LOCK_FILE, Queue
from simsiam_core.jobs.requests import EvaluateRequest, MoveRequest, wait_for_answer, write_request
from simsiam_core.runs import FIRST_STEP, Notes, RunDirectory, RunError, RunStore, Status
from simsiam_core.runs.evaluations import EvaluationDirectory, create_evaluation
from simsiam_core.runs.lock import FileLock, LockedError
from simsiam_core.runs.placement import Placement, hand_over_again, read_placement

Schedule = Literal["longer", "restart"]
SCHEDULES: dict[str, str] = {
    "longer": "one longer cosine: the learning rate goes on as if all epochs had been planned from the start",
    "restart": "a new cosine: the learning rate starts again from its peak and falls to 0 over the added epochs",
}


def enqueue(
    store: RunStore, configs: Iterable[Config], group: str = "", placement: Placement | None = None
) -> list[RunDirectory]:
    """Create runs and queue them in this order, optionally in one `group`. Raises RunError.

    `placement` says where they run; None: on this machine.
    """
    runs = []
    for config in configs:
        notes = Notes(group=group) if group else None
        runs.append(store.create(config, notes=notes, placement=placement))
    return runs


def enqueue_evaluation(
    store: RunStore, run: RunDirectory, settings: Mapping[str, Any], placement: Placement | None = None
) -> EvaluationDirectory:
    """Create an evaluation that the scheduler starts as soon as a slot is free. Raises RunError.

    It runs at `placement`, by default where its run does.
    """
    place = placement or read_placement(run.path).fresh()
    if place.executor in EXECUTORS.names:
        alone = EXECUTORS.get(place.executor).alone(place.settings)
        place = place.model_copy(update={"settings": alone})
    job = create_evaluation(run, settings, placement=place)
    try:
        write_request(store.path, EvaluateRequest(run=run.id, evaluation=job.id))
    except RunError:
        job.update_status(state="failed", error="It could not be queued.", ended=time.time())
        raise
    return job


def resume(run: RunDirectory) -> None:
    """Queue a paused, stopped, failed or crashed run to continue from its newest checkpoint.

    A paused run keeps its place. Raises RunError.
    """
    status = run.status()
    if status.active:
        raise RunError(f"Run {run.id} is {status.state} already.")
    if status.state == "finished":
        raise RunError(f"Run {run.id} is finished; train it longer, or fork it.")
    check_trainable(run)
    if status.state == "crashed":
        executor_of(run).check_ended(run)
    _queue_again(run)


def extend(run: RunDirectory, epochs: int, schedule: Schedule = "longer") -> None:
    """Queue an ended run to continue up to `epochs` in total, under one of `SCHEDULES`.

    Raises RunError or ConfigError.
    """
    check_trainable(run)
    config, status = run.config(), run.status()
    if status.active:
        raise RunError(f"Run {run.id} is {status.state}; wait for its end, or stop it first.")
    if schedule not in SCHEDULES:
        raise RunError(f"{schedule!r} is no schedule; it must be one of {', '.join(SCHEDULES)}.")
    if not isinstance(epochs, int) or epochs <= config.training.epochs:
        raise RunError(f"Run {run.id} has {config.training.epochs} epochs; give a larger number in all.")
    changes: dict[str, Any] = {"training": {"epochs": epochs}}
    if schedule == "restart":
        done = config.training.epochs if status.state == "finished" else status.epoch
        changes["optimiser"] = {"restart_epoch": max(done, config.optimiser.warmup_epochs)}
    longer = parse(merge(config.model_dump(), changes))
    steps = (run.origin() or FIRST_STEP).total_steps(steps_per_epoch(run, config, status), epochs)
    run.write_config(longer)
    _queue_again(run, total_steps=steps)


def move(store: RunStore, run_id: str, to: str | int, patience: float = 10.0) -> None:
    """Change a run's place, through the scheduler or directly if there is none. Raises RunError."""
    places = {entry.run.id: place for place, entry in enumerate(read_queue(store))}
    if not places:
        raise RunError("The queue is empty.")
    if to in ("up", "down") and run_id in places:  # an absolute place, so that the request is idempotent
        to = max(0, places[run_id] + (1 if to == "down" else -1))
    request = write_request(store.path, MoveRequest(run=run_id, to=to))
    wait_for_answer(request, patience, lambda: _act_on_requests(store))


def _act_on_requests(store: RunStore) -> None:
    """Act on pending requests, unless a scheduler works on the folder."""
    with (
        contextlib.suppress(LockedError),
        FileLock(store.path / LOCK_FILE),
        contextlib.closing(Queue(store)) as queue,
    ):
        queue.refresh()


def check_trainable(run: RunDirectory) -> None:
    """Raise RunError for a run that cannot be trained further."""
    if run.read_only:
        origin = "was imported" if run.imported else "came with the program"
        raise RunError(
            f"Run {run.id} {origin} and is read-only: it has no heads or optimiser to train on "
            "with. Start a new run on the Train tab instead."
        )
    if sentence := run.config().data.unplaced:
        raise RunError(sentence)


def _queue_again(run: RunDirectory, **changes: Any) -> None:
    hand_over_again(run.path)
    run.update_status(**run.status().queued_again(), **changes)


def steps_per_epoch(run: RunDirectory, config: Config, status: Status) -> int:
    """Return the optimiser steps per epoch, as far as the run has recorded them."""
    return round((run.origin() or FIRST_STEP).per_epoch(status.total_steps, config.training.epochs))
