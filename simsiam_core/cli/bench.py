"""`bench`: measure this machine."""

from __future__ import annotations

import argparse
import importlib
from typing import Any

from simsiam_core.cli.options import add_json, print_json

QUESTIONS = {
    "neighbours": "how long a neighbour query takes",
    "monitoring": "what watching a run costs the run",
    "load": "what 40 people at once cost the server and the training (four minutes)",
    "page": "how soon the page is there",
}


def add_to(commands: Any) -> None:
    """Add the command's parser."""
    parser = commands.add_parser("bench", help="measure this machine", description=__doc__)
    listed = "; ".join(f"{name}: {question}" for name, question in QUESTIONS.items())
    parser.add_argument("question", choices=QUESTIONS, help=listed)
    add_json(parser)
    parser.set_defaults(run_command=_bench)


def _bench(arguments: argparse.Namespace) -> int:
    figures = importlib.import_module(f"simsiam_core.bench.{arguments.question}").measure()
    if arguments.json:
        print_json(figures)
    for name, value in figures.items() if not arguments.json else []:
        print(f"{name:<28} {value:.4g}" if isinstance(value, float) else f"{name:<28} {value}")
    return 0
