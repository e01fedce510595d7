"""Options that several commands share."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from simsiam_core.runs import RunDirectory, RunStore


def add_save_dir(parser: argparse.ArgumentParser) -> None:
    """`--save-dir`: where runs are kept."""
    parser.add_argument(
        "--save-dir", type=Path, default=Path("runs"), metavar="DIR", help="folder of runs (default: runs)"
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """`--json`: for scripts."""
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")


def add_run(parser: argparse.ArgumentParser) -> None:
    """A run, by id, unique prefix or path, and where to look for it."""
    parser.add_argument("run", metavar="RUN", help="a run's id, a unique prefix of it, or its path")
    add_save_dir(parser)


def chosen_run(arguments: argparse.Namespace) -> RunDirectory:
    """The run that `add_run` asked for. Raises RunError."""
    return RunStore(arguments.save_dir).find(arguments.run)


def print_json(value: dict[str, Any]) -> None:
    """One object on stdout."""
    print(json.dumps(value, indent=2))
