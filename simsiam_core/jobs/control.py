"""What people do with runs: queue, resume, train longer, fork. Page and terminal both call these.

None of them starts a process: they leave a run `queued`, and whoever works the queue starts it.
"""

from __future__ import annotations

import json
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from simsiam_core.config import Config, ConfigError, merge, parse
from simsiam_core.jobs.queue import QUEUE_FILE, Queue
from simsiam_core.jobs.scheduler import LOCK_FILE, MOVES_DIR
from simsiam_core.runs import FIRST_STEP, Checkpoint, Notes, Origin, RunDirectory, RunError, RunStore, Status
from simsiam_core.runs.files import write_text
from simsiam_core.runs.lock import FileLock, LockedError

Schedule = Literal["longer", "restart"]
SCHEDULES: dict[str, str] = {
    "longer": "one longer cosine: the learning rate goes on as if all epochs had been planned from the start",
    "restart": "a new cosine: the learning rate starts again from its peak and falls to 0 over the added epochs",
}
# A checkpoint fits a run only if all of these are the same: weights, optimiser state and the count of steps.
FIXED_IN_A_FORK: dict[str, Callable[[Config], Any]] = {
    "data.source": lambda config: config.data.source,
    "data.image_size": lambda config: config.data.image_size,
    "data.train_limit": lambda config: config.data.train_limit,
    "data.test_limit": lambda config: config.data.test_limit,
    "model": lambda config: config.model,
    "objective.rotation_weight": lambda config: config.objective.rotation_weight > 0,  # a head of its own
    "training.batch_size": lambda config: config.training.batch_size,
    "optimiser.algorithm": lambda config: config.optimiser.algorithm,
}
NEW_IMAGES = frozenset({"data.source", "data.train_limit", "data.test_limit"})  # free where epochs begin anew


def enqueue(store: RunStore, configs: Iterable[Config], group: str = "") -> list[RunDirectory]:
    """New runs, queued in this order; a `group` ties them together. Raises RunError."""
    runs = []
    for config in configs:
        notes = Notes(group=group) if group else None
        runs.append(store.create(config, notes=notes))
    return runs


def resume(run: RunDirectory) -> None:
    """Queue a run that was paused, stopped, failed or crashed, to go on from its newest checkpoint.

    A paused one has kept its place. Raises RunError.
    """
    status = run.status()
    if status.active:
        raise RunError(f"Run {run.id} is {status.state} already.")
    if status.state == "finished":
        raise RunError(f"Run {run.id} is finished; train it longer, or fork it.")
    _trainable(run)
    if status.state == "crashed":
        run.lock().release()  # whatever the status says: nobody holds the lock
    _queue_again(run)


def extend(run: RunDirectory, epochs: int, schedule: Schedule = "longer") -> None:
    """Queue a run that has ended to go on up to `epochs` in all, under one of `SCHEDULES`. Raises RunError or
    ConfigError.
    """
    _trainable(run)
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
    steps = (run.origin() or FIRST_STEP).total_steps(_per_epoch(run, config, status), epochs)
    run.write_config(longer)
    _queue_again(run, total_steps=steps)


def fork(
    store: RunStore,
    run: RunDirectory,
    checkpoint: str,
    changes: Mapping[str, Any],
    *,
    new_images: bool = False,
) -> RunDirectory:
    """A new queued run that goes on from a checkpoint of another one under changed settings.

    Curve and checkpoints up to there come along. With `new_images` it goes on with the images as they are now,
    from the last complete epoch on: steps are counted on, and the schedule follows the epochs that the new
    images make. Raises RunError or ConfigError.
    """
    _trainable(run)
    config, found, status = run.config(), run.checkpoint(checkpoint), run.status()
    new = parse(merge(config.model_dump(), changes))
    _check_fit(config, new, new_images)
    header = found.header()
    if header is None:
        raise RunError(f"Checkpoint {found.name} of run {run.id} cannot be read; choose another one.")
    if header.epoch >= new.training.epochs:
        raise ConfigError.at(
            "training.epochs",
            f"The checkpoint has {header.epoch} epochs, {header.step} steps; the fork must have more epochs.",
        )
    origin = run.origin()
    if new_images or (origin and header.step < origin.step):
        origin = Origin(header.step, header.epoch)
    total = (origin or FIRST_STEP).total_steps(_per_epoch(run, config, status), new.training.epochs)
    before = Status(state="paused", step=header.step, total_steps=total, epoch=header.epoch)
    copy = store.create(new, before, Notes(forked_from=f"{run.id} {found.name}"))
    if origin is not None:
        copy.write_origin(origin)
    if run.images_path.exists() and not new_images:
        shutil.copyfile(run.images_path, copy.images_path)
    _copy_record(run, copy, found, header.step)
    copy.update_status(state="queued")
    return copy


def _check_fit(config: Config, new: Config, new_images: bool) -> None:
    """Whether a checkpoint of `config` fits `new`. Raises ConfigError."""
    for path, value in FIXED_IN_A_FORK.items():
        if value(config) != value(new) and not (new_images and path in NEW_IMAGES):
            sentence = f"A fork cannot change {path}: the checkpoint would not fit; start a new run instead."
            if path in NEW_IMAGES:
                sentence = f"A fork cannot change {path} unless it goes on with new images: add --new-data."
            raise ConfigError.at(path, sentence)


def _copy_record(run: RunDirectory, copy: RunDirectory, found: Checkpoint, step: int) -> None:
    """Checkpoints and metric lines up to `step`; `found` is the one to go on from."""
    for other in run.checkpoints():
        header = other.header() if other.epoch is not None else None
        if header is not None and header.step <= step:
            shutil.copy2(other.path, copy.checkpoints_dir / other.path.name)
    shutil.copyfile(found.path, copy.checkpoints_dir / "last.ckpt")
    lines = [line for line in run.metrics() if line["step"] <= step]
    write_text(copy.metrics_path, "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))


def _per_epoch(run: RunDirectory, config: Config, status: Status) -> int:
    """Optimiser steps of an epoch, as far as the run has said."""
    return round((run.origin() or FIRST_STEP).per_epoch(status.total_steps, config.training.epochs))


def move(store: RunStore, run_id: str, to: str | int, patience: float = 10.0) -> None:
    """Change a run's place from a terminal: directly, or through the scheduler that holds the folder."""
    if not (store.path / QUEUE_FILE).exists():
        raise RunError("The queue is empty.")
    try:
        with FileLock(store.path / LOCK_FILE):
            queue = Queue(store.path)
            try:
                queue.move(run_id, to)
            finally:
                queue.close()
    except LockedError:
        wish = store.path / MOVES_DIR / f"{time.time_ns()}-{secrets.token_hex(4)}.json"
        wish.parent.mkdir(exist_ok=True)
        write_text(wish, json.dumps({"run": run_id, "to": to}))
        _wait_until_gone(wish, patience)


def _wait_until_gone(path: Path, patience: float) -> None:
    deadline = time.monotonic() + patience
    while path.exists():
        if time.monotonic() > deadline:
            path.unlink(missing_ok=True)
            raise RunError("The dashboard does not answer; is it stopped in the middle of something?")
        time.sleep(0.05)


def _trainable(run: RunDirectory) -> None:
    if run.read_only:
        raise RunError(
            f"Run {run.id} came with the program and is read-only: it has no heads or optimiser to train on "
            "with. Start a new run on the Train tab instead."
        )
    if sentence := run.config().data.unplaced:
        raise RunError(sentence)


def _queue_again(run: RunDirectory, **changes: Any) -> None:
    spent = run.status().working_seconds
    run.update_status(
        state="queued",
        activity="",
        error=None,
        started=None,
        ended=None,
        exit_code=None,
        elapsed=0.0,
        spent=spent,
        **changes,
    )
