"""`results`: one table over runs and checkpoints, with published figures beside it."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from typing import Any

from simsiam_core.cli.options import add_json, add_save_dir, print_json
from simsiam_core.evaluation.published import CIFAR10
from simsiam_core.evaluation.results import FORMATS, damaged, table
from simsiam_core.runs import RunStore


def add_to(commands: Any) -> None:
    """Add the command's parser."""
    parser = commands.add_parser("results", help="every figure in one table", description=__doc__)
    add_save_dir(parser)
    add_json(parser)
    parser.add_argument("--format", default="markdown", choices=FORMATS, help="default: markdown")
    parser.set_defaults(run_command=_results)


def _results(arguments: argparse.Namespace) -> int:
    runs = RunStore(arguments.save_dir).runs()
    rows, problems = table(runs), damaged(runs)
    if arguments.json:
        made, published = [asdict(row) for row in rows], [asdict(p) for p in CIFAR10]
        print_json({"results": made, "published": published, "problems": problems})
    else:
        print(FORMATS[arguments.format].write(rows), end="")
    for problem in problems:
        print(f"Left out: {problem}", file=sys.stderr)
    return 0
