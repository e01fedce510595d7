"""`runs`: list them, show one; stop, pause, resume, extend, fork, delete and restore; disk use."""

from __future__ import annotations

import argparse
from datetime import datetime, timedelta
from typing import Any

from simsiam_core.cli import disk, run_actions
from simsiam_core.cli.options import add_json, add_run, add_save_dir, chosen_run, print_json
from simsiam_core.cli.terminal import print_row
from simsiam_core.config.paths import path_flag
from simsiam_core.evaluation.curves import metrics_csv
from simsiam_core.jobs import stop
from simsiam_core.metrics import describe
from simsiam_core.runs import CollapseReader, MetricsReader, RunDirectory, RunError, RunStore
from simsiam_core.runs.metrics import COORDINATES
from simsiam_core.runs.weights import source_in_words, weights_source


def add_to(commands: Any) -> None:
    """Add the command's parsers."""
    parser = commands.add_parser("runs", help="list runs, and act on them", description=__doc__)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="all runs, the newest first")
    add_save_dir(listing)
    add_json(listing)
    listing.set_defaults(run_command=_list)
    showing = actions.add_parser("show", help="one run: state, progress, latest metrics, checkpoints")
    add_run(showing)
    add_json(showing)
    showing.set_defaults(run_command=_show)
    exporting = actions.add_parser("export", help="the metrics of a run as CSV")
    add_run(exporting)
    exporting.add_argument("--out", type=path_flag, metavar="FILE", help="where to write (default: stdout)")
    exporting.set_defaults(run_command=_export)
    stopping = actions.add_parser("stop", help="end a run at its next step, with a checkpoint")
    add_run(stopping)
    add_json(stopping)
    stopping.set_defaults(run_command=_stop)
    run_actions.add_to(actions)
    disk.add_to(actions)


def _list(arguments: argparse.Namespace) -> int:
    runs = RunStore(arguments.save_dir).runs()
    if arguments.json:
        print_json({"runs": [_summary(run) for run in runs]})
    elif not runs:
        print(f"No runs in {arguments.save_dir} yet; 'train --preset quick' makes one.")
    width = max((len(run.id) for run in runs), default=0)
    for run in runs if not arguments.json else []:
        status = run.status()
        print_row(
            f"{run.id:<{width}}", f"{status.state:<8}", f"{status.progress:>4.0%}", text=status.activity
        )
        for problem in run.damage():
            print_row("  damaged:", text=problem)
    return 0


def _show(arguments: argparse.Namespace) -> int:
    run = chosen_run(arguments)
    latest: dict[str, float] = {}
    record = MetricsReader(run.metrics_path)
    for line in record.poll():
        latest.update({name: value for name, value in line.items() if name not in COORDINATES})
    epochs = _epochs(run)
    problems = [*run.damage(), *filter(None, [record.problem])]
    source = weights_source(run)
    summary = {
        **_summary(run),
        "weights": dict(source) if source else None,
        "metrics": latest,
        "checkpoints": [c.name for c in run.checkpoints()],
    }
    if arguments.json:
        config = run.config().model_dump(mode="json") if epochs else None
        print_json({**summary, "config": config, "problems": problems})
        return 0
    status = run.status()
    began = datetime.fromtimestamp(status.created).strftime("%Y-%m-%d %H:%M:%S")
    took = timedelta(seconds=round(status.working_seconds))
    print(run.id)
    print_row("  state      ", text=status.state + (f": {status.error}" if status.error else ""))
    print_row("  created    ", text=f"{began}, worked for {took} on {status.device or '?'}")
    progress = f"step {status.step} of {status.total_steps}, epoch {status.epoch} of {epochs or '?'}"
    print_row("  progress   ", text=progress)
    if source:
        print_row("  weights    ", text=f"started from {source_in_words(source)}")
    print_row("  checkpoints", text=", ".join(summary["checkpoints"]) or "none yet")
    for problem in problems:
        print_row("  damaged    ", text=problem)
    collapse = CollapseReader().read(run, status)
    if collapse and collapse.sentence and collapse.sentence != status.error:
        print_row("  warning    ", text=collapse.sentence)
    for name, value in sorted(latest.items()):
        metric = describe(name)
        unit = f", {metric.unit}" if metric.unit else ""
        print_row(f"  {name:<32} {value:<10.6g}", text=f"{metric.title}{unit}")
    return 0


def _export(arguments: argparse.Namespace) -> int:
    text = metrics_csv(chosen_run(arguments))
    if arguments.out is None:
        print(text, end="")
        return 0
    try:
        arguments.out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunError(f"Cannot write {arguments.out}: {error.strerror}.") from None
    return 0


def _stop(arguments: argparse.Namespace) -> int:
    run = chosen_run(arguments)
    stop(run)
    state = run.status().state
    if arguments.json:
        print_json({"run": run.id, "state": state})
    else:
        print(f"{run.id} is {state}.")
    return 0


def _epochs(run: RunDirectory) -> int | None:
    """Return the config's epochs; None if it is damaged, which is reported elsewhere."""
    try:
        return run.config().training.epochs
    except RunError:
        return None


def _summary(run: RunDirectory) -> dict[str, Any]:
    status = run.status()
    return {
        "run": run.id,
        "path": str(run.path),
        **status.model_dump(),
        "progress": round(status.progress, 4),
        "problems": list(run.damage()),
    }
