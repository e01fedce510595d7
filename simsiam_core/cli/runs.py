"""`runs`: list them, show one; stop, pause, resume, extend, fork, archive, delete and restore; disk use."""

from __future__ import annotations

import argparse
from datetime import datetime, timedelta
from typing import Any

from simsiam_core.cli import disk, run_actions
from simsiam_core.cli.options import add_json, add_run, add_save_dir, chosen_run, print_json
from simsiam_core.cli.terminal import print_row, progress_line
from simsiam_core.config.paths import path_flag
from simsiam_core.evaluation.curves import metrics_csv
from simsiam_core.evaluation.kinds import can_predict, predicts
from simsiam_core.jobs import stop
from simsiam_core.metrics import describe
from simsiam_core.names import printable, storable
from simsiam_core.runs import CollapseReader, MetricsReader, RunDirectory, RunError, RunStore
from simsiam_core.runs.archive import write_archive
from simsiam_core.runs.disk import size
from simsiam_core.runs.evaluations import EvaluationDirectory, evaluations
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
    archiving = actions.add_parser(
        "archive", help="a whole run as one file, which 'import' restores on another machine"
    )
    add_run(archiving)
    add_json(archiving)
    archiving.add_argument(
        "--out", type=path_flag, metavar="FILE", help="where to write (default: the run's id + .zip, here)"
    )
    archiving.set_defaults(run_command=_archive)
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
    source, choices = weights_source(run), run.choices()
    summary = {
        **_summary(run),
        "weights": dict(source) if source else None,
        "choices": choices.model_dump(mode="json") if choices else None,
        "metrics": latest,
        "checkpoints": [c.name for c in run.checkpoints()],
    }
    measured = [_evaluation(job) for job in evaluations(run)]
    if arguments.json:
        summary["evaluations"] = measured
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
    for one in measured:
        note = f"classifies other images by its {one['predicts']}" if one["predicts"] else one["state"]
        print_row("  evaluation ", one["id"], text=note)
    for sentence in choices.sentences if choices else ():
        print_row("  chosen     ", text=sentence)
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


def _archive(arguments: argparse.Namespace) -> int:
    run = chosen_run(arguments)
    out = arguments.out or path_flag(f"{run.id}.zip")
    with progress_line() as report:
        manifest = write_archive(run, out, report)
    written = out.stat().st_size
    if arguments.json:
        about = {"files": len(manifest.files) + len(manifest.links), "left_out": list(manifest.left_out)}
        print_json({"run": run.id, "file": storable(str(out)), "bytes": written, **about})
        return 0
    left_out = " and ".join(manifest.left_out)
    print_row(
        text=f"Wrote {printable(str(out))}, {size(written)}; `simsiam import` restores the run from it."
    )
    print_row(text=f"Left out: {left_out}, which are recomputed, and the images it was trained on.")
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


def _evaluation(job: EvaluationDirectory) -> dict[str, Any]:
    """Return an evaluation's id, state, and how it classifies other images: "vote", "classifier" or null."""
    how = predicts(job.kind) if can_predict(job) else None
    return {"id": job.id, "kind": job.kind, "state": job.status().state, "predicts": how}


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
