"""Options that several commands share."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from simsiam_core.cli.terminal import progress_line
from simsiam_core.config import ConfigError
from simsiam_core.config.paths import path_flag
from simsiam_core.config.scalars import scalar
from simsiam_core.runs import RunDirectory, RunStore
from simsiam_core.runs.json_files import dumps


def add_save_dir(parser: argparse.ArgumentParser) -> None:
    """Add `--save-dir`, the folder of runs."""
    parser.add_argument(
        "--save-dir",
        type=path_flag,
        default=Path("runs"),
        metavar="DIR",
        help="folder of runs (default: runs)",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add `--json`, for scripts."""
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")


def add_run(parser: argparse.ArgumentParser) -> None:
    """Add a run, by id, unique prefix or path, and the folder to look in."""
    parser.add_argument("run", metavar="RUN", help="a run's id, a unique prefix of it, or its path")
    add_save_dir(parser)


def add_runs(parser: argparse.ArgumentParser, number: str) -> None:
    """Several runs, as `add_run`; `number` is argparse's: "+" for one or more, "*" for any number."""
    parser.add_argument(
        "runs", metavar="RUN", nargs=number, help="runs, by id, by a unique prefix of it, or by path"
    )
    add_save_dir(parser)


def add_network(parser: argparse.ArgumentParser, looked_at: str) -> None:
    """Add a run, one of its checkpoints and a split, for commands that look inside a network."""
    add_run(parser)
    add_json(parser)
    parser.add_argument(
        "--checkpoint", default="last", metavar="NAME", help="'last' (default) or 'epoch=0010'"
    )
    parser.add_argument("--split", default="train", choices=("train", "test"), help=looked_at)


@contextmanager
def inspecting() -> Iterator[Callable[[float, str], None]]:
    """Yield a progress callback for looking inside a network; a checkpoint that cannot be read is bad input."""
    from simsiam_core.model import CheckpointError

    try:
        with progress_line() as report:
            yield report
    except CheckpointError as error:
        raise ConfigError.at("checkpoint", str(error)) from None


def whole_number(text: str) -> int:
    """Return the argparse type of a whole number, by the same rule as settings."""
    value = scalar(text)
    if isinstance(value, bool) or not isinstance(value, int):
        raise argparse.ArgumentTypeError(f"it must be a whole number, not {text!r}")
    return value


def number(text: str) -> float:
    """Return the argparse type of a number; neither infinity nor NaN is one."""
    value = scalar(text)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"it must be a number, not {text!r}")
    return value


def chosen_run(arguments: argparse.Namespace) -> RunDirectory:
    """Return the run that `add_run` asked for. Raises RunError."""
    return RunStore(arguments.save_dir).find(arguments.run)


def chosen_runs(arguments: argparse.Namespace) -> list[RunDirectory]:
    """Return the runs that `add_runs` asked for, each once. Raises RunError."""
    found = [RunStore(arguments.save_dir).find(name) for name in arguments.runs]
    return list({run.path: run for run in found}.values())


def print_json(value: dict[str, Any]) -> None:
    """Print one object on stdout in strict JSON: NaN and infinity become null."""
    print(dumps(value, indent=2))


def print_figures(figures: dict[str, Any], as_json: bool) -> None:
    """Print measurements as one JSON object, or a line each."""
    if as_json:
        return print_json(figures)
    width = max(map(len, figures)) + 2
    for name, value in figures.items():
        print(f"{name:<{width}} {value:,.4g}" if isinstance(value, float) else f"{name:<{width}} {value}")
    return None
