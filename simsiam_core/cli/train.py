"""`train`: a run in the foreground, or the process behind a run that the dashboard has created."""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from simsiam_core import output
from simsiam_core.cli.flags import SchemaFlags
from simsiam_core.cli.options import add_json, add_save_dir, print_json
from simsiam_core.cli.placement import add_placement, chosen_placement, train_elsewhere
from simsiam_core.cli.terminal import progress_line
from simsiam_core.config import (
    Config,
    ConfigError,
    expand,
    merge,
    parse,
    preset,
    presets,
    read_sweeps,
    read_yaml,
)
from simsiam_core.config.ablations import ABLATIONS, members
from simsiam_core.config.paths import path_flag
from simsiam_core.config.sections.network import RESNETS
from simsiam_core.config.unused import refuse_unused
from simsiam_core.jobs import InUseError, Notifier, enqueue
from simsiam_core.jobs.ranks import end_with_parent, rank
from simsiam_core.jobs.restarts import given_up
from simsiam_core.jobs.stop_request import Interrupted, StopRequest, restarts
from simsiam_core.metrics.val_knn_accuracy import KNN_ACCURACY
from simsiam_core.runs import Choices, RunDirectory, RunError, RunStore, Status
from simsiam_core.runs.crash import crashes_logged
from simsiam_core.runs.liveness import folder_identity
from simsiam_core.runs.placement import LOCAL
from simsiam_core.runs.processes import machine_id, process_identity
from simsiam_core.runs.weights import check_weights

if TYPE_CHECKING:
    from pytorch_lightning import Callback


def add_to(commands: Any) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "train",
        help="train a run in the foreground",
        allow_abbrev=False,
        description=__doc__,
        usage="%(prog)s [--preset NAME] [--config FILE] [--save-dir DIR] [SETTING ...]",
    )
    parser.add_argument(
        "--preset", metavar="NAME", help=f"start from a preset: {', '.join(presets(adapting=True))}"
    )
    parser.add_argument(
        "--config", type=path_flag, metavar="FILE", help="settings from a YAML file, over the preset's"
    )
    parser.add_argument(
        "--run", type=path_flag, metavar="DIR", help="train a run directory that exists already"
    )
    parser.add_argument(
        "--sweep",
        action="append",
        metavar="FIELD=VALUES",
        help="queue a run for each value, such as 'lr=0.03,0.06' or 'base-lr=0.01:1:3:log'; may be repeated",
    )
    parser.add_argument(
        "--ablation",
        choices=ABLATIONS,
        metavar="NAME",
        help="queue a ready group: " + "; ".join(f"{name}: {a.question}" for name, a in ABLATIONS.items()),
    )
    parser.add_argument(
        "--tensorboard", action="store_true", help="also write event files (needs the package tensorboard)"
    )
    add_save_dir(parser)
    add_json(parser)
    add_placement(parser)
    flags = SchemaFlags(parser)
    parser.set_defaults(run_command=lambda arguments: _train(arguments, flags))


def _train(arguments: argparse.Namespace, flags: SchemaFlags) -> int:
    request = StopRequest()
    if arguments.run:
        request.listen()
        run = RunStore(arguments.run.parent).get(arguments.run.name)
        return _train_run(run, request, arguments)
    if arguments.sweep or arguments.ablation:
        return _group(arguments, flags)
    if arguments.tensorboard and find_spec("tensorboard") is None:
        raise ConfigError.at("tensorboard", "--tensorboard needs its package: pip install tensorboard.")
    placement = chosen_placement(arguments)
    values, choices = _values(arguments, flags)
    config = parse(values)
    refuse_unused(config, flags.given(arguments))
    check_before_start(config, RunStore(arguments.save_dir))
    read_weights(config, RunStore(arguments.save_dir))
    if arguments.dry_run or placement.executor != LOCAL:
        return train_elsewhere(RunStore(arguments.save_dir), [config], "", placement, arguments, choices)
    request.listen()  # before the run exists, so that Ctrl-C cannot leave it running
    # Never in state queued, so that no scheduler starts it too.
    run = RunStore(arguments.save_dir).create(config, running_status())
    if choices:
        run.write_choices(choices)
    code = _train_run(run, request, arguments)
    if not arguments.json:
        return code
    accuracies = [line[KNN_ACCURACY] for line in run.metrics() if KNN_ACCURACY in line]
    status = run.status()
    print_json(
        {
            "run": run.id,
            "path": str(run.path),
            "state": status.state,
            "error": status.error,
            "steps": status.step,
            "seconds": round(status.working_seconds, 1),
            "knn_accuracy": accuracies[-1] if accuracies else None,
        }
    )
    return code


def _train_run(run: RunDirectory, request: StopRequest, arguments: argparse.Namespace) -> int:
    """Train a run in this process, alone or as one of several, or start the processes that do."""
    place, devices = rank(), run.config().training.devices
    if place.count > 1:
        end_with_parent()
    if place.index > 0:  # the first one writes what there is to say
        with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
            return _work(run, request)
    with run.lock(patient=bool(arguments.run)):
        if not may_start(run.status().state):
            raise RunError(f"Run {run.id} is not queued; it is {run.status().state}.")
        with (
            output.recorded(run.log_path, stdout_is_for_json=arguments.json) as terminal,
            crashes_logged(run.log_path),
        ):
            announce(run, request)
            if given_up(run):
                return 1
            if not arguments.run:
                print(run.id)
            if place.count > 1 or devices == 1:
                return _work(run, request, arguments.tensorboard, terminal)
    words = [flag for flag in ("json", "tensorboard") if getattr(arguments, flag)]
    return _work(run, request, launch=[f"--{word}" for word in words])


def _group(arguments: argparse.Namespace, flags: SchemaFlags) -> int:
    """Queue the runs of a sweep or ablation, and run the scheduler here if none works on the folder."""
    from simsiam_core.cli.queue import work

    placement = chosen_placement(arguments)
    values, choices = _values(arguments, flags)
    if arguments.sweep and arguments.ablation:
        raise ConfigError.at("ablation", "--ablation and --sweep are two kinds of group; give one of them.")
    if arguments.ablation:
        group, configs = arguments.ablation, members(arguments.ablation, values)
    else:
        sweeps = read_sweeps(arguments.sweep)
        group, configs = "; ".join(str(sweep) for sweep in sweeps), expand(values, sweeps)
    store = RunStore(arguments.save_dir)
    for config in configs:
        check_before_start(config, store)
    for config in {(each.model, each.data.image_size): each for each in configs}.values():
        read_weights(config, store)
    if arguments.dry_run or placement.executor != LOCAL:
        return train_elsewhere(store, configs, group, placement, arguments, choices)
    runs = enqueue(store, configs, group)
    for run in runs:
        if choices:
            run.write_choices(choices)
    if not arguments.json:
        print("\n".join(run.id for run in runs), flush=True)
    with contextlib.suppress(InUseError):  # a dashboard runs them
        work(store, 1, Notifier())
    if arguments.json:
        print_json({"group": group, "runs": [{"run": r.id, "state": r.status().state} for r in runs]})
    return int(any(run.status().state in ("failed", "crashed") for run in runs))


def _values(arguments: argparse.Namespace, flags: SchemaFlags) -> tuple[dict[str, Any], Choices | None]:
    """Return nested values: flags override the file, which overrides preset and defaults. Raises ConfigError.

    A preset that adapts chooses the rest for the images and the machine; what it chose and why is printed,
    and returned.
    """
    chosen = preset(arguments.preset) if arguments.preset else None
    file = read_yaml(arguments.config) if arguments.config else {}
    values = merge(chosen.values if chosen else {}, file, flags.given(arguments))
    if chosen is None or not chosen.adapts:
        return values, None
    from simsiam_core.training.adapt import adapt, explain  # brings torch

    with progress_line() as progress:
        adapted = adapt(chosen.name, values, progress=progress)
    print(*explain(adapted), sep="\n", file=sys.stderr if arguments.json else sys.stdout)
    return adapted.values, adapted.choices


def announce(run: RunDirectory, request: StopRequest | None = None) -> StopRequest:
    """Install signal handlers, then write the running status, before importing torch, which takes seconds."""
    request = request or StopRequest()
    request.listen()
    changes = running_status().model_dump(
        exclude={"created", "step", "total_steps", "epoch", "device", "spent"}
    )
    if (before := run.status()).state == "crashed":  # killed, and started again by SLURM
        changes["spent"] = before.working_seconds
    run.update_status(**{**changes, "folder": folder_identity(run.path)})
    return request


def may_start(state: str) -> bool:
    """Return whether a job in this state may begin; one that SLURM starts again may have been killed before."""
    return state in ("queued", "running") or (state == "crashed" and restarts())


def running_status() -> Status:
    """Return the status of a run that this process starts working on."""
    pid, started = process_identity(os.getpid())
    now = time.time()
    return Status(
        state="running",
        activity="Starting",
        pid=pid,
        pid_started=started,
        boot=machine_id(),
        host=socket.gethostname(),
        started=now,
        heartbeat=now,
    )


def check_before_start(config: Config, store: RunStore) -> None:
    """Check data, weights and network before a run directory is created, so that a bad config leaves nothing."""
    from simsiam_core.data import check_fit

    check_weights(config, store)
    check_fit(config)
    if config.model.backbone not in RESNETS:  # those take images of any size
        from simsiam_core.model.cost import check_network

        check_network(config)


def read_weights(config: Config, store: RunStore) -> None:
    """Read the weights to start from once before a run directory is created, so that bad ones leave nothing.

    Published ones are downloaded. Raises ConfigError at `model.weights`.
    """
    if config.model.weights:
        from simsiam_core.model.starting_weights import starting_weights

        with progress_line() as progress:
            starting_weights(config, store, progress)


def _work(
    run: RunDirectory,
    request: StopRequest,
    tensorboard: bool = False,
    terminal: output.Terminal | None = None,
    launch: Sequence[str] | None = None,
) -> int:
    """Train, with a progress bar on a terminal that can rewrite a line.

    With `launch`, this process only starts those that train, with these words at the end of their command.
    """
    try:
        with request.raising():
            if launch is not None:
                from simsiam_core.training.launch import launch_ranks
            else:
                from simsiam_core.training.worker import train
    except Interrupted:
        run.update_status(**request.ending(run.status()))
        return request.exit_code
    if launch is not None:
        return launch_ranks(run, request, launch)
    callbacks: list[Callback] = []
    if terminal is not None and output.rewrites_lines(terminal):
        from simsiam_core.training.progress_bar import ProgressBar

        callbacks.append(ProgressBar(terminal))
    if tensorboard:
        from simsiam_core.training.tensorboard import TensorBoardCallback

        callbacks.append(TensorBoardCallback(run))
    return train(run, tuple(callbacks), request)
