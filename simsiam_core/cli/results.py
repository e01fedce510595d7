"""`results`: one table over runs and checkpoints, with published figures beside it."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from simsiam_core.cli.options import add_json, add_save_dir, print_json
from simsiam_core.evaluation.published import CIFAR10
from simsiam_core.evaluation.results import FORMATS, table
from simsiam_core.runs import RunStore


def add_to(commands: Any) -> None:
    """Add the command's parser."""
    parser = commands.add_parser("results", help="every figure in one table", description=__doc__)
    add_save_dir(parser)
    add_json(parser)
    parser.add_argument("--format", default="markdown", choices=FORMATS, help="default: markdown")
    parser.set_defaults(run_command=_results)


def _results(arguments: argparse.Namespace) -> int:
    rows = table(RunStore(arguments.save_dir).runs())
    if arguments.json:
        print_json({"results": [asdict(row) for row in rows], "published": [asdict(p) for p in CIFAR10]})
    else:
        print(FORMATS[arguments.format](rows), end="")
    return 0
