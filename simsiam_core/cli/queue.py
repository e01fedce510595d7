"""`queue`: what waits and why; change the order; work it off without a browser."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from typing import Any

from simsiam_core import output
from simsiam_core.cli.options import add_json, add_run, add_save_dir, chosen_run, print_json, whole_number
from simsiam_core.cli.terminal import print_row
from simsiam_core.jobs import Notifier, Scheduler, move, read_queue, stop
from simsiam_core.runs import RunError, RunStore


def add_to(commands: Any) -> None:
    """Add the command's parsers."""
    parser = commands.add_parser(
        "queue", help="show and change the queue, or work it off", description=__doc__
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="what runs and waits, in order, and why it waits")
    add_save_dir(listing)
    listing.set_defaults(run_command=_list)
    moving = actions.add_parser("move", help="change a run's place")
    add_run(moving)
    moving.add_argument("to", metavar="TO", help="first, up, down, last, or a place counted from 1")
    moving.set_defaults(run_command=_move)
    cancelling = actions.add_parser("cancel", help="take a waiting run out of the queue")
    add_run(cancelling)
    cancelling.set_defaults(run_command=_cancel)
    working = actions.add_parser(
        "run", help="start what is queued, here, without a browser, until it is empty"
    )
    add_save_dir(working)
    working.add_argument(
        "--cpu-slots", type=whole_number, default=1, help="jobs on the CPU at a time (default: 1)"
    )
    working.add_argument("--notify-url", default="", metavar="URL", help="POST to this when a run ends")
    working.add_argument("--notify-command", default="", metavar="COMMAND", help="run this when a run ends")
    working.add_argument("--forever", action="store_true", help="wait for more when the queue is empty")
    working.set_defaults(run_command=_run)
    for one in (listing, moving, cancelling):
        add_json(one)


def _list(arguments: argparse.Namespace) -> int:
    entries = read_queue(RunStore(arguments.save_dir))
    if arguments.json:
        rows = [
            {
                "place": e.place,
                "run": e.run.id,
                "state": e.status.state,
                "reason": e.reason,
                "group": e.run.notes().group,
            }
            for e in entries
        ]
        print_json({"queue": rows})
        return 0
    width = max((len(entry.run.id) for entry in entries), default=0)
    for entry in entries:
        print_row(
            f"{entry.place:>3}", f"{entry.run.id:<{width}}", f"{entry.status.state:<8}", text=entry.reason
        )
    if not entries:
        print("The queue is empty.")
    return 0


def _move(arguments: argparse.Namespace) -> int:
    run = chosen_run(arguments)
    to = int(arguments.to) - 1 if arguments.to.isdigit() else arguments.to
    store = RunStore(run.path.parent)
    move(store, run.id, to)
    place = next((e.place for e in read_queue(store) if e.run.id == run.id), None)
    print_json({"run": run.id, "place": place}) if arguments.json else print(f"{run.id} has place {place}.")
    return 0


def _cancel(arguments: argparse.Namespace) -> int:
    run = chosen_run(arguments)
    if (state := run.status().state) not in ("queued", "paused"):
        raise RunError(f"Run {run.id} does not wait; it is {state}.")
    stop(run)
    state = run.status().state
    print_json({"run": run.id, "state": state}) if arguments.json else print(f"{run.id} is {state}.")
    return 0


def _run(arguments: argparse.Namespace) -> int:
    notifier = Notifier(arguments.notify_url, arguments.notify_command)
    work(RunStore(arguments.save_dir), arguments.cpu_slots, notifier, forever=arguments.forever)
    return 0


def work(store: RunStore, cpu_slots: int, notifier: Notifier, *, forever: bool = False) -> None:
    """Run the scheduler of a folder until the queue is empty, Ctrl-C or a hangup; jobs keep running."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, lambda *_: ended.set())
    told = 0
    with output.recorded(), Scheduler(store, cpu_slots, notifier) as scheduler:
        print(
            f"Working on {store.path}, slots: {', '.join(s.name for s in scheduler.slots)}", file=sys.stderr
        )
        while not ended.is_set():
            scheduler.run_once()
            for event in list(notifier.events):
                if event.number > told:
                    print(f"{event.run} {event.text}", flush=True)
                    told = event.number
            if scheduler.idle and not forever:
                return
            ended.wait(0.5)
