"""`runs du|thin|clean|empty-trash`: disk usage of runs, and freeing space."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from simsiam_core.cli.options import add_json, add_runs, add_save_dir, chosen_runs, print_json, whole_number
from simsiam_core.cli.terminal import confirmed, print_row
from simsiam_core.config import ConfigError
from simsiam_core.config.cache import cache_dir
from simsiam_core.runs import RunDirectory, RunError, RunStore
from simsiam_core.runs.disk import (
    clean,
    counted,
    dispensable,
    freed_by_cleaning,
    freed_by_thinning,
    shared_cache_usage,
    size,
    thin,
    trash_usage,
    usage,
)
from simsiam_core.runs.store import busy


def add_to(actions: Any) -> None:
    """Add the parsers of the actions below `runs`."""
    using = actions.add_parser("du", help="disk used by runs, the trash and the shared cache")
    add_runs(using, "*")
    add_json(using)
    using.set_defaults(run_command=_du)
    kept = "the first, the best by kNN accuracy, the last and those of classifiers"
    thinning = actions.add_parser("thin", help=f"delete all checkpoints but {kept}; asks first")
    add_runs(thinning, "+")
    thinning.add_argument("--keep-every", type=whole_number, metavar="N", help="keep every N-th one as well")
    thinning.set_defaults(run_command=_thin)
    cleaning = actions.add_parser("clean", help="delete encoded images and maps of runs; asks first")
    add_runs(cleaning, "+")
    cleaning.set_defaults(run_command=_clean)
    emptying = actions.add_parser("empty-trash", help="delete for good what is in the trash; asks first")
    add_save_dir(emptying)
    emptying.set_defaults(run_command=_empty_trash)
    for parser in (thinning, cleaning, emptying):
        parser.add_argument("--yes", action="store_true", help="do not ask")
        add_json(parser)


def _du(arguments: argparse.Namespace) -> int:
    store = RunStore(arguments.save_dir)
    runs = chosen_runs(arguments) if arguments.runs else store.runs()
    used = [(run.id, usage(run)) for run in runs]
    trashed, trash, cache = len(store.trashed()), trash_usage(store), shared_cache_usage()
    if arguments.json:
        rows = [{"run": run_id, **asdict(of), "total": of.total} for run_id, of in used]
        about_trash = {"runs": trashed, "bytes": trash}
        print_json({"runs": rows, "trash": about_trash, "cache": {"path": str(cache_dir()), "bytes": cache}})
        return 0
    width = max([len(run_id) for run_id, _ in used] + [len("shared cache")])
    for run_id, of in used:
        parts = (
            f"{size(of.checkpoints)} checkpoints, {size(of.caches)} caches, {size(of.records)} log and metrics, "
            f"{size(of.other)} evaluations and all else"
        )
        print_row(f"{run_id:<{width}}", f"{size(of.total):>10}", text=parts)
    print_row(f"{'trash':<{width}}", f"{size(trash):>10}", text=counted(trashed, "run"))
    print_row(f"{'shared cache':<{width}}", f"{size(cache):>10}", text=str(cache_dir()))
    return 0


def _thin(arguments: argparse.Namespace) -> int:
    every = arguments.keep_every
    if every is not None and every < 1:
        raise ConfigError.at("keep-every", f"--keep-every must be at least 1, not {every}.")
    runs = chosen_runs(arguments)
    what = counted(sum(len(dispensable(run, every)) for run in runs), "checkpoint")
    return _give_back(
        arguments, runs, what, lambda run: freed_by_thinning(run, every), lambda run: thin(run, every)
    )


def _clean(arguments: argparse.Namespace) -> int:
    runs = chosen_runs(arguments)
    return _give_back(arguments, runs, "encoded images and maps", freed_by_cleaning, clean)


def _give_back(
    arguments: argparse.Namespace,
    runs: list[RunDirectory],
    what: str,
    freed_by: Callable[[RunDirectory], int],
    delete: Callable[[RunDirectory], int],
) -> int:
    """Show the space to be freed, ask for confirmation, and delete. Raises RunError if a run is in use."""
    for run in runs:
        if reason := busy(run):
            raise RunError(reason)
    expected = sum(map(freed_by, runs))
    names = ", ".join(run.id for run in runs)
    if expected and not confirmed(f"Delete {what} of {names}, which frees {size(expected)}?", arguments.yes):
        return 1
    freed = {run.id: delete(run) if expected else 0 for run in runs}
    if arguments.json:
        print_json({"freed": sum(freed.values()), "runs": freed})
    else:
        print_row(text=f"{size(sum(freed.values()))} freed." if expected else "There is nothing to free.")
    return 0


def _empty_trash(arguments: argparse.Namespace) -> int:
    store = RunStore(arguments.save_dir)
    runs, freed = len(store.trashed()), trash_usage(store)
    question = f"Delete {counted(runs, 'run')} in the trash for good, which frees {size(freed)}?"
    if runs and not confirmed(question, arguments.yes):
        return 1
    gone = store.empty_trash()
    if arguments.json:
        print_json({"freed": freed, "runs": gone})
    else:
        print_row(text=f"{size(freed)} freed." if gone else "The trash is empty.")
    return 0
