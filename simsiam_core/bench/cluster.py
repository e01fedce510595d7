"""What interruptions cost a run in SLURM: random requeues and kills, then a comparison with an undisturbed run."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from simsiam_core.config import Config, ConfigError, merge, parse
from simsiam_core.jobs import Scheduler, enqueue, resume
from simsiam_core.jobs.executor import EXECUTORS
from simsiam_core.jobs.slurm import commands
from simsiam_core.metrics.train_loss import TRAIN_LOSS
from simsiam_core.runs import RunDirectory, RunError, RunStore
from simsiam_core.runs.placement import Placement, read_placement

# A small run whose steps take milliseconds, with a safety copy every second or so.
RUN: dict[str, Any] = {
    "data": {"source": "textures", "image_size": 16, "train_limit": 80, "test_limit": 20},
    "model": {
        "backbone": "resnet10",
        "stem": "stride2",
        "width": 8,
        "projector_dim": 16,
        "predictor_hidden": 8,
    },
    "training": {"batch_size": 20, "device": "cpu"},
    "knn": {"k": 5, "knn_every": 10_000},
    "checkpoints": {"checkpoint_every": 10_000, "last_every": 0.02},
}
STEPS_AN_EPOCH = 4
SEGMENT = 15  # epochs for each disturbance, and as many after the last one
PATIENCE = 600.0  # seconds; a cluster may be full


def measure(disturbances: int = 10, seed: int = 0, settings: dict[str, Any] | None = None) -> dict[str, Any]:
    """Disturb a run at random moments and compare its losses with those of a run left alone.

    The folder must be seen by the nodes: it is made below the current one. Raises ConfigError without a cluster.
    """
    if reason := EXECUTORS.get("slurm").unavailable():
        raise ConfigError.at("cluster", reason)
    placement = Placement(executor="slurm", settings={"cpus": 1, **(settings or {})})
    config = parse(merge(RUN, {"training": {"epochs": SEGMENT * (disturbances + 1)}}))
    with tempfile.TemporaryDirectory(prefix="bench-", dir=Path.cwd()) as folder:
        store = RunStore(Path(folder) / "runs")
        with Scheduler(store) as scheduler:
            scheduler.start()
            started = time.monotonic()
            (whole,) = enqueue(store, [config], placement=placement)
            _wait(lambda: bool(whole.metrics_path.exists() and whole.metrics()), whole)
            first = time.monotonic() - started
            disturbed, counts = _disturb(store, config, placement, disturbances, random.Random(seed))
            _wait_for_state(whole, "finished")
        return {"seconds_to_first_metric": first, **counts, **_compared(whole, disturbed)}


def _disturb(
    store: RunStore, config: Config, placement: Placement, disturbances: int, dice: random.Random
) -> tuple[RunDirectory, dict[str, int]]:
    """Interrupt a run again and again until it has finished; returns it, and how often in which way."""
    (run,) = enqueue(store, [config], placement=placement)
    ways = {"warned": _warn, "requeued": _requeue, "killed": _kill}
    counts = dict.fromkeys(ways, 0)
    lost = 0
    for number in range(disturbances):
        # At least a step into a segment, and so early that it is not over before the disturbance arrives.
        target = int(STEPS_AN_EPOCH * SEGMENT * (number + 0.75 * dice.random())) + 1
        _wait(partial(_reached, run, target), run)
        way = dice.choice(list(ways))
        ways[way](read_placement(run.path).job)
        counts[way] += 1
        _wait_for_state(run, "queued", "crashed", "failed")
        header = run.checkpoint("last").header() if run.checkpoints() else None
        lost = max(lost, run.status().step - (header.step if header else 0))
        if way == "killed":
            _wait_for_state(run, "failed")
            resume(run)
        _wait_for_state(run, "running", "finished")
    _wait_for_state(run, "finished")
    return run, {**counts, "most_steps_done_again": lost}


def _warn(job: str) -> None:
    commands.signal_job(job, "USR2")


def _requeue(job: str) -> None:
    commands.requeue(job)


def _kill(job: str) -> None:
    # Its processes alone: for the whole job, KILL is the same as cancelling it.
    commands.signal_job(f"{job}.0", "KILL")


def _compared(whole: RunDirectory, disturbed: RunDirectory) -> dict[str, Any]:
    losses = [
        [(line["step"], line[TRAIN_LOSS]) for line in run.metrics() if TRAIN_LOSS in line]
        for run in (whole, disturbed)
    ]
    return {"losses": len(losses[0]), "equal_to_the_last_bit": losses[0] == losses[1]}


def _reached(run: RunDirectory, step: int) -> bool:
    status = run.status()
    return status.state == "running" and status.step >= step


def _wait_for_state(run: RunDirectory, *states: str) -> None:
    """Wait until the run is in one of these states. Raises RunError if it ends in another one."""
    _wait(lambda: run.status().state in states, run)


def _wait(condition: Callable[[], bool], run: RunDirectory) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        status = run.status()
        if status.state in ("finished", "failed", "stopped", "paused") and not condition():
            raise RunError(f"Run {run.id} is {status.state}: {status.error or 'earlier than expected'}")
        if time.monotonic() > deadline:
            raise RunError(f"Nothing happened for {PATIENCE:.0f} s; see squeue, and {run.log_path}.")
        time.sleep(0.1)
