"""`evaluate`: measure what a checkpoint has learnt, in one of several ways."""

from __future__ import annotations

import argparse
from typing import Any

from simsiam_core import output
from simsiam_core.cli.options import add_json, add_run, chosen_run, print_json
from simsiam_core.cli.placement import add_placement, chosen_placement, evaluate_elsewhere
from simsiam_core.cli.terminal import print_row
from simsiam_core.cli.train import announce, may_start, running_status
from simsiam_core.config import field_spec, typed
from simsiam_core.config.evaluation import parse_evaluation, settings_model
from simsiam_core.evaluation.kinds import listed
from simsiam_core.jobs.restarts import given_up
from simsiam_core.jobs.stop_request import Interrupted, StopRequest
from simsiam_core.runs import RunError
from simsiam_core.runs.crash import crashes_logged
from simsiam_core.runs.disk import size
from simsiam_core.runs.evaluations import EvaluationDirectory, create_evaluation, find_evaluation
from simsiam_core.runs.placement import LOCAL


def add_to(commands: Any) -> None:
    """Add the command's parsers: one per kind of evaluation, with flags generated from its settings."""
    parser = commands.add_parser("evaluate", help="measure what a checkpoint has learnt", description=__doc__)
    kinds = parser.add_subparsers(title="kinds", metavar="KIND", required=True)
    for kind, entry in listed().items():
        sub = kinds.add_parser(
            kind, help=entry.help.replace("%", "%%"), description=f"{entry.title}. {entry.help}"
        )
        add_run(sub)
        add_json(sub)
        add_placement(sub)
        sub.add_argument("--job", metavar="ID", help="an evaluation that exists already, queued by the page")
        for name, info in settings_model(kind).model_fields.items():
            if name != "kind":
                help_text = f"{info.description} (default: {info.default})".replace("%", "%%")
                sub.add_argument(f"--{name.replace('_', '-')}", default=None, metavar="VALUE", help=help_text)
        sub.set_defaults(run_command=_evaluate, kind=kind)


def _evaluate(arguments: argparse.Namespace) -> int:
    request = StopRequest()
    request.listen()  # before the evaluation exists, so that Ctrl-C cannot leave it queued
    run = chosen_run(arguments)
    if arguments.job:
        job = find_evaluation(run, arguments.job)
        with job.lock(patient=True):  # the scheduler and a user may start it at the same time
            if not may_start(state := job.status().state):
                raise RunError(f"The evaluation {job.id} does not wait; it is {state}.")
            return _work(job, arguments, request)
    known = settings_model(arguments.kind).model_fields.items()
    given = {
        name: typed(field_spec(name, "", info), value)
        for name, info in known
        if name != "kind" and (value := getattr(arguments, name)) is not None
    }
    settings = parse_evaluation({**given, "kind": arguments.kind})
    run.checkpoint(settings.checkpoint)  # fails before anything is created
    placement = chosen_placement(arguments)
    if arguments.dry_run or placement.executor != LOCAL:
        return evaluate_elsewhere(run, settings.model_dump(mode="json"), placement, arguments)
    # Never in state queued, so that no scheduler starts it too.
    job = create_evaluation(run, settings.model_dump(mode="json"), running_status())
    return _work(job, arguments, request)


def _work(job: EvaluationDirectory, arguments: argparse.Namespace, request: StopRequest) -> int:
    recorded = output.recorded(job.log_path, stdout_is_for_json=arguments.json)
    with recorded, crashes_logged(job.log_path):
        announce(job, request)
        if given_up(job):
            return 1
        try:
            with request.raising():
                from simsiam_core.evaluation.worker import evaluate
        except Interrupted:
            ending = request.ending(job.status())
            paused = (
                {"state": "stopped"} if request.state == "paused" else {}
            )  # there is nothing to go on from
            job.update_status(**{**ending, **paused})
            return request.exit_code or 1
        code = evaluate(job, request)
        result = job.result()
        if result is not None and not arguments.json:
            _print(job, result)
    if result is not None and arguments.json:
        print_json({name: value for name, value in result.items() if name != "details"})
    return code if result is not None else code or 1


def _print(job: EvaluationDirectory, result: dict[str, Any]) -> None:
    print_row(job.id, text=f"({result['seconds']:.1f} s on {result['device']})")
    for name, value in result["figures"].items():
        print(f"  {name:<28} {value:.2%}")
    stamp = ", ".join(f"{name} {value}" for name, value in result["stamp"].items() if value is not None)
    print_row(" ", text=stamp)
    if kept := result.get("classifier"):
        what = "the fine-tuned network" if kept["backbone"] else "the classifier"
        hint = f"`simsiam predict {job.run.id} IMAGES --evaluation {job.id}` classifies other images"
        print_row(" ", text=f"{what} is kept ({size(kept['bytes'])}): {hint}")
