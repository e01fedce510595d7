"""`--executor`: where a job runs, and handing it over from a terminal."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from simsiam_core.cli.options import print_json
from simsiam_core.config import Config, ConfigError, field_spec, typed
from simsiam_core.config.executors.slurm import SlurmConfig, parse_slurm
from simsiam_core.config.profiles import profile
from simsiam_core.jobs import enqueue, enqueue_evaluation
from simsiam_core.jobs.executor import EXECUTORS, executor_of
from simsiam_core.jobs.kinds import kind_of
from simsiam_core.jobs.queue import LOCK_FILE
from simsiam_core.runs import Choices, RunDirectory, RunError, RunStore
from simsiam_core.runs.evaluations import EvaluationDirectory
from simsiam_core.runs.lock import FileLock, LockedError
from simsiam_core.runs.placement import LOCAL, Placement, read_placement


def add_placement(parser: argparse.ArgumentParser) -> None:
    """Add `--executor`, `--profile`, `--dry-run` and a flag for each of SLURM's settings."""
    group = parser.add_argument_group("where it runs")
    group.add_argument(
        "--executor", choices=EXECUTORS.names, default=LOCAL, help="this machine, or SLURM (default: local)"
    )
    group.add_argument("--profile", default="", metavar="NAME", help="settings of SLURM that were saved")
    group.add_argument(
        "--dry-run", action="store_true", help="print what would be executed, and queue nothing"
    )
    for name, info in SlurmConfig.model_fields.items():
        flag = f"--slurm.{name.replace('_', '-')}"
        text = f"{info.description}".replace("%", "%%")
        group.add_argument(flag, dest=f"slurm_{name}", default=None, metavar="VALUE", help=text)


def chosen_placement(arguments: argparse.Namespace) -> Placement:
    """Return where the job is to run. Raises ConfigError."""
    given: dict[str, Any] = {}
    for name, info in SlurmConfig.model_fields.items():
        if (value := getattr(arguments, f"slurm_{name}")) is not None:
            given[name] = typed(field_spec(name, "", info), value)
    if arguments.executor == LOCAL:
        if given or arguments.profile:
            what = "--profile" if arguments.profile else f"--slurm.{next(iter(given)).replace('_', '-')}"
            raise ConfigError.at("executor", f"{what} is for SLURM; add --executor slurm.")
        return Placement()
    saved = profile(arguments.profile).model_dump() if arguments.profile else {}
    settings = parse_slurm({**saved, **given})
    return Placement(executor=arguments.executor, profile=arguments.profile, settings=settings.model_dump())


def train_elsewhere(
    store: RunStore,
    configs: Sequence[Config],
    group: str,
    placement: Placement,
    arguments: argparse.Namespace,
    choices: Choices | None = None,
) -> int:
    """Queue runs and hand them over, or print what would be executed. Raises RunError."""
    draft = RunDirectory(store.path / "RUN")
    executor, command = EXECUTORS.get(placement.executor), kind_of(draft).command(draft)
    for processes in sorted({config.training.devices for config in configs}):
        if arguments.dry_run:
            print(executor.preview(draft.path, command, processes, placement))
        else:
            executor.check(draft.path, command, processes, placement)
    if arguments.dry_run:
        return 0
    runs = enqueue(store, configs, group, placement)
    if choices is not None:
        for run in runs:
            run.write_choices(choices)
    return _hand_over(store.path, runs, arguments.json)


def evaluate_elsewhere(
    run: RunDirectory, settings: Mapping[str, Any], placement: Placement, arguments: argparse.Namespace
) -> int:
    """Queue an evaluation and hand it over, or print what would be executed. Raises RunError."""
    draft = EvaluationDirectory(run.path / "evaluations" / f"00000000-000000-{settings['kind']}-0000")
    executor, command = EXECUTORS.get(placement.executor), kind_of(draft).command(draft)
    placement = placement.model_copy(update={"settings": executor.alone(placement.settings)})
    if arguments.dry_run:
        print(executor.preview(draft.path, command, 1, placement))
        return 0
    executor.check(draft.path, command, 1, placement)
    job = enqueue_evaluation(RunStore(run.path.parent), run, settings, placement)
    return _hand_over(run.path.parent, [job], arguments.json)


def _hand_over(folder: Path, jobs: Sequence[RunDirectory], as_json: bool) -> int:
    """Hand queued jobs to their executor, unless a dashboard works on the folder, which then does it."""
    with contextlib.suppress(LockedError), FileLock(folder / LOCK_FILE):
        for job in jobs:
            kind = kind_of(job)
            try:
                executor_of(job).start(job, kind.command(job), kind.processes(job), {})
            except OSError as error:
                raise RunError(f"{error} The job is queued; a dashboard or 'queue run' submits it.") from None
    handed = [{"job": job.id, "slurm_job": read_placement(job.path).job or None} for job in jobs]
    if as_json:
        print_json({"jobs": handed})
        return 0
    for one in handed:
        print(f"{one['job']}  " + (f"SLURM job {one['slurm_job']}" if one["slurm_job"] else "queued"))
    return 0
