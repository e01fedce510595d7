"""`train`: a run in the foreground, or the process behind a run that the dashboard has created."""

from __future__ import annotations

import argparse
import os
import socket
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simsiam_core.cli.flags import SchemaFlags
from simsiam_core.cli.options import add_json, add_save_dir, print_json
from simsiam_core.config import Config, ConfigError, merge, parse, preset, presets, read_yaml
from simsiam_core.runs import RunDirectory, RunStore
from simsiam_core.runs.status import process_identity

if TYPE_CHECKING:
    from pytorch_lightning import Callback


def add_to(commands: Any) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "train", help="train a run in the foreground", allow_abbrev=False, description=__doc__
    )
    parser.add_argument("--preset", metavar="NAME", help=f"start from a preset: {', '.join(presets())}")
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="settings from a YAML file, over the preset's"
    )
    parser.add_argument("--run", type=Path, metavar="DIR", help="train a run directory that exists already")
    parser.add_argument(
        "--tensorboard", action="store_true", help="also write event files (needs the package tensorboard)"
    )
    add_save_dir(parser)
    add_json(parser)
    flags = SchemaFlags(parser)
    parser.set_defaults(run_command=lambda arguments: _train(arguments, flags))


def _train(arguments: argparse.Namespace, flags: SchemaFlags) -> int:
    if arguments.run:
        run = RunStore(arguments.run.parent).get(arguments.run.name)
        announce(run)
        return _work(run, arguments.tensorboard)
    config = _config(arguments, flags)
    check_data(config)
    if arguments.tensorboard and find_spec("tensorboard") is None:
        raise ConfigError.at(
            "tensorboard", "--tensorboard needs the package tensorboard: pip install tensorboard."
        )
    run = RunStore(arguments.save_dir).create(config)
    announce(run)
    if not arguments.json:
        print(run.id, flush=True)
        return _work(run, arguments.tensorboard, progress_bar=sys.stderr.isatty())
    stdout, sys.stdout = sys.stdout, sys.stderr  # what training has to say must not mix with the object
    try:
        code = _work(run, arguments.tensorboard)
    finally:
        sys.stdout = stdout
    accuracies = [m["val/knn_accuracy"] for m in run.metrics() if "val/knn_accuracy" in m]
    status = run.status()
    print_json(
        {
            "run": run.id,
            "path": str(run.path),
            "state": status.state,
            "error": status.error,
            "steps": status.step,
            "seconds": round((status.ended or 0) - (status.started or 0), 1),
            "knn_accuracy": accuracies[-1] if accuracies else None,
        }
    )
    return code


def _config(arguments: argparse.Namespace, flags: SchemaFlags) -> Config:
    """Flags over file over preset over defaults. Raises ConfigError."""
    layers = [preset(arguments.preset).values] if arguments.preset else []
    if arguments.config:
        layers.append(read_yaml(arguments.config))
    return parse(merge(*layers, flags.given(arguments)))


def announce(run: RunDirectory) -> None:
    """Say who works on the run, before the seconds that importing torch takes."""
    pid, started = process_identity(os.getpid())
    run.update_status(
        state="running",
        activity="Starting",
        pid=pid,
        pid_started=started,
        host=socket.gethostname(),
        started=time.time(),
    )


def check_data(config: Config) -> None:
    """Look at the data before a run is made: one that cannot start should leave nothing behind."""
    from simsiam_core.data import check_fit

    check_fit(config)


def _work(run: RunDirectory, tensorboard: bool, progress_bar: bool = False) -> int:
    from simsiam_core.training.worker import train

    callbacks: list[Callback] = []
    if progress_bar:
        from pytorch_lightning.callbacks import TQDMProgressBar

        callbacks.append(TQDMProgressBar(refresh_rate=10))
    if tensorboard:
        from simsiam_core.training.tensorboard import TensorBoardCallback

        callbacks.append(TensorBoardCallback(run))
    return train(run, tuple(callbacks))
