"""`train`: a run in the foreground, or the process behind a run that the dashboard has created."""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from simsiam_core import output
from simsiam_core.cli.flags import SchemaFlags
from simsiam_core.cli.options import add_json, add_save_dir, print_json
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
from simsiam_core.jobs.stop_request import Interrupted, StopRequest
from simsiam_core.metrics.val_knn_accuracy import KNN_ACCURACY
from simsiam_core.runs import RunDirectory, RunError, RunStore, Status
from simsiam_core.runs.crash import crashes_logged
from simsiam_core.runs.liveness import folder_identity
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
    parser.add_argument("--preset", metavar="NAME", help=f"start from a preset: {', '.join(presets())}")
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
    flags = SchemaFlags(parser)
    parser.set_defaults(run_command=lambda arguments: _train(arguments, flags))


def _train(arguments: argparse.Namespace, flags: SchemaFlags) -> int:
    request = StopRequest()
    if arguments.run:
        request.listen()
        run = RunStore(arguments.run.parent).get(arguments.run.name)
        with run.lock():
            if run.status().state not in ("queued", "running"):  # "running" is left by a process that died
                raise RunError(f"Run {run.id} is not queued; it is {run.status().state}.")
            with output.recorded(run.log_path), crashes_logged(run.log_path):
                announce(run, request)
                return _work(run, request)
    if arguments.sweep or arguments.ablation:
        return _group(arguments, flags)
    if arguments.tensorboard and find_spec("tensorboard") is None:
        raise ConfigError.at(
            "tensorboard", "--tensorboard needs the package tensorboard: pip install tensorboard."
        )
    config = _config(arguments, flags)
    check_before_start(config, RunStore(arguments.save_dir))
    read_weights(config, RunStore(arguments.save_dir))
    request.listen()  # before the run exists, so that Ctrl-C cannot leave it running
    # Never in state queued, so that no scheduler starts it too.
    run = RunStore(arguments.save_dir).create(config, running_status())
    with (
        run.lock(),
        output.recorded(run.log_path, stdout_is_for_json=arguments.json) as terminal,
        crashes_logged(run.log_path),
    ):
        announce(run, request)
        print(run.id)
        code = _work(run, request, arguments.tensorboard, terminal)
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


def _group(arguments: argparse.Namespace, flags: SchemaFlags) -> int:
    """Queue the runs of a sweep or ablation, and run the scheduler here if none works on the folder."""
    from simsiam_core.cli.queue import work

    values = _values(arguments, flags)
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
    runs = enqueue(store, configs, group)
    if not arguments.json:
        print("\n".join(run.id for run in runs), flush=True)
    with contextlib.suppress(InUseError):  # a dashboard runs them
        work(store, 1, Notifier())
    if arguments.json:
        print_json({"group": group, "runs": [{"run": r.id, "state": r.status().state} for r in runs]})
    return int(any(run.status().state in ("failed", "crashed") for run in runs))


def _config(arguments: argparse.Namespace, flags: SchemaFlags) -> Config:
    """Return the config: flags override the file, which overrides preset and defaults. Raises ConfigError."""
    config = parse(_values(arguments, flags))
    refuse_unused(config, flags.given(arguments))
    return config


def _values(arguments: argparse.Namespace, flags: SchemaFlags) -> dict[str, Any]:
    layers = [preset(arguments.preset).values] if arguments.preset else []
    if arguments.config:
        layers.append(read_yaml(arguments.config))
    return merge(*layers, flags.given(arguments))


def announce(run: RunDirectory, request: StopRequest | None = None) -> StopRequest:
    """Install signal handlers, then write the running status, before importing torch, which takes seconds."""
    request = request or StopRequest()
    request.listen()
    changes = running_status().model_dump(
        exclude={"created", "step", "total_steps", "epoch", "device", "spent"}
    )
    run.update_status(**{**changes, "folder": folder_identity(run.path)})
    return request


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
) -> int:
    """Train, with a progress bar on a terminal that can rewrite a line."""
    try:
        with request.raising():
            from simsiam_core.training.worker import train
    except Interrupted:
        run.update_status(state=request.state, ended=time.time(), activity="")
        return 0
    callbacks: list[Callback] = []
    if terminal is not None and output.rewrites_lines(terminal):
        from simsiam_core.training.progress_bar import ProgressBar

        callbacks.append(ProgressBar(terminal))
    if tensorboard:
        from simsiam_core.training.tensorboard import TensorBoardCallback

        callbacks.append(TensorBoardCallback(run))
    return train(run, tuple(callbacks), request)
