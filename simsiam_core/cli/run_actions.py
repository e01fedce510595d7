"""`runs pause|resume|extend|fork|delete|restore`: actions that change a run."""

from __future__ import annotations

import argparse
import time
from typing import Any

from simsiam_core.cli.options import add_json, add_run, add_save_dir, chosen_run, print_json, whole_number
from simsiam_core.cli.terminal import confirmed, print_row
from simsiam_core.config import ConfigError, find_field, merge, typed
from simsiam_core.config.problems import unknown_setting
from simsiam_core.jobs import SCHEDULES, extend, fork, pause, resume
from simsiam_core.runs import RunDirectory, RunError, RunStore

PAUSE_SECONDS = 120.0


def add_to(actions: Any) -> None:
    """Add the parsers of the actions below `runs`."""
    added = {
        "pause": (_pause, "end a run at its next step, to go on later; a waiting run is held back"),
        "resume": (_resume, "queue a run that was paused, stopped or crashed, to go on where it was"),
        "extend": (_extend, "queue a run that has ended to train for more epochs"),
        "fork": (_fork, "queue a new run that goes on from a checkpoint of another"),
        "delete": (_delete, "move a run to the trash folder; asks first"),
    }
    parsers = {}
    for name, (command, text) in added.items():
        parsers[name] = parser = actions.add_parser(name, help=text, description=text.capitalize() + ".")
        add_run(parser)
        add_json(parser)
        parser.set_defaults(run_command=command)
    parsers["extend"].add_argument("--epochs", type=whole_number, required=True, help="epochs in all")
    listed = "; ".join(f"{name}: {text}" for name, text in SCHEDULES.items())
    parsers["extend"].add_argument("--schedule", choices=SCHEDULES, default="longer", help=listed)
    parsers["fork"].add_argument("--checkpoint", default="last", metavar="NAME", help="default: last")
    parsers["fork"].add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", help="a changed setting; may be repeated"
    )
    parsers["fork"].add_argument(
        "--new-data",
        action="store_true",
        help="go on with the images as they are now, though they have changed since the checkpoint",
    )
    parsers["delete"].add_argument("--yes", action="store_true", help="do not ask")
    restoring = actions.add_parser("restore", help="bring a run back from the trash folder")
    restoring.add_argument("run", metavar="RUN", help="the id of a deleted run")
    add_save_dir(restoring)
    add_json(restoring)
    restoring.set_defaults(run_command=_restore)


def _pause(arguments: argparse.Namespace) -> int:
    run = chosen_run(arguments)
    pause(run)
    deadline = time.monotonic() + PAUSE_SECONDS
    while run.status().state == "running":
        if time.monotonic() > deadline:
            raise RunError(f"Run {run.id} has not reached the end of a step yet; it will pause when it does.")
        time.sleep(0.1)
    return _told(arguments, run)


def _resume(arguments: argparse.Namespace) -> int:
    run = chosen_run(arguments)
    resume(run)
    return _told(arguments, run)


def _extend(arguments: argparse.Namespace) -> int:
    run = chosen_run(arguments)
    extend(run, arguments.epochs, arguments.schedule)
    return _told(arguments, run)


def _fork(arguments: argparse.Namespace) -> int:
    changes: dict[str, Any] = {}
    for text in arguments.set:
        name, separator, value = text.partition("=")
        spec = find_field(name)
        if not separator:
            raise ConfigError.at("set", f"{text!r} must be FIELD=VALUE, such as optimiser.base_lr=0.01.")
        if spec is None:
            raise ConfigError.at("set", unknown_setting(name.strip()))
        changes = merge(changes, spec.nested(typed(spec, value)))
    run = chosen_run(arguments)
    store, new_images = RunStore(run.path.parent), arguments.new_data
    return _told(arguments, fork(store, run, arguments.checkpoint, changes, new_images=new_images))


def _delete(arguments: argparse.Namespace) -> int:
    run = chosen_run(arguments)
    if not confirmed(f"Move {run.id} to the trash?", arguments.yes):
        return 1
    RunStore(run.path.parent).trash(run)
    if arguments.json:
        print_json({"run": run.id, "deleted": True})
    else:
        print_row(text=f"{run.id} is in the trash; 'runs restore {run.id}' brings it back.")
    return 0


def _restore(arguments: argparse.Namespace) -> int:
    return _told(arguments, RunStore(arguments.save_dir).restore(arguments.run))


def _told(arguments: argparse.Namespace, run: RunDirectory) -> int:
    status = run.status()
    if arguments.json:
        print_json({"run": run.id, "state": status.state, "step": status.step})
        return 0
    hint = "" if status.state != "queued" else "; a dashboard or 'queue run' over this folder starts it"
    print_row(text=f"{run.id} is {status.state}{hint}.")
    return 0
