"""Checks that several devices train the same as one, and that their processes end together."""

from __future__ import annotations

from collections.abc import Iterator

import psutil
import torch

from simsiam_core.bench.accept.rows import Place, Row, skipped, until, within
from simsiam_core.bench.accept.training import STEPS, furthest, small
from simsiam_core.config import Config
from simsiam_core.jobs import stop
from simsiam_core.metrics.train_loss import TRAIN_LOSS
from simsiam_core.runs import RunDirectory

LIMIT, END_SECONDS, START_SECONDS = 1e-4, 30.0, 180.0


def check(place: Place) -> Iterator[Row]:
    """Compare several GPUs, as many as divide the batch, with one; on a CPU two processes."""
    count = _devices(place)
    names = [f"{STEPS} losses", "the others end with one that is lost, s", "they all end with the first, s"]
    if count < 2:
        yield from skipped(names, "skipped: one GPU")
        return
    runs = [place.store.create(_config(place, devices)) for devices in (1, count, count)]
    one, together, again = runs
    try:
        for run in (one, together):
            place.launch(run, {})
            until(lambda run=run: len(_losses(run)) >= STEPS or not run.status().active, START_SECONDS)  # type: ignore[misc]
            if run is one:
                stop(run)
        apart = furthest(_losses(together)[:STEPS], _losses(one)[:STEPS])
        yield within(f"{names[0]}, {count} devices against 1", apart, LIMIT, together.status().error or "")
        yield _ends(together, names[1], victim=1)
        if place.gpu:
            place.launch(again, {})
            until(lambda: again.status().step > 2 or not again.status().active, START_SECONDS)
            yield _ends(again, names[2], victim=0)
    finally:
        for run in runs:
            if run.status().active and run.status().pid:
                stop(run, timeout=10)


def _devices(place: Place) -> int:
    """Return the largest number of GPUs that divides the batch size; 2 processes on a CPU."""
    there, batch = torch.cuda.device_count(), small(place).training.batch_size
    return max(n for n in range(1, there + 1) if batch % n == 0) if place.gpu else 2


def _config(place: Place, devices: int) -> Config:
    settings = {"devices": devices, "epochs": 5000, "precision": "32-true", "compile": "never"}
    return small(place, {"training": settings, "knn": {"knn_every": 5000}})


def _losses(run: RunDirectory) -> list[float]:
    return [line[TRAIN_LOSS] for line in run.metrics() if TRAIN_LOSS in line]


def _ends(run: RunDirectory, name: str, victim: int) -> Row:
    """Kill one of the processes of a run and measure the seconds until none is left."""
    status = run.status()
    if status.state != "running" or status.pid is None:
        return Row(name, False, status.state, note=status.error or "")
    first = psutil.Process(status.pid)
    torchrun = first.parent()
    family = [first, *(child for child in torchrun.children() if child != first)] if torchrun else [first]
    family[victim].kill()
    seconds = until(lambda: not any(_lives(process) for process in family), 2 * END_SECONDS)
    return within(name, float("inf") if seconds is None else seconds, END_SECONDS, run.status().error or "")


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
