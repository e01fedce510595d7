"""Command-line options shared by several commands."""

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
    """Add `--json`, which prints machine-readable output."""
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")


def add_run(parser: argparse.ArgumentParser) -> None:
    """Add a run, by id, unique prefix or path, and `--save-dir`."""
    parser.add_argument("run", metavar="RUN", help="a run's id, a unique prefix of it, or its path")
    add_save_dir(parser)


def add_runs(parser: argparse.ArgumentParser, number: str) -> None:
    """Add several runs, as `add_run`; `number` is argparse's `nargs`, "+" or "*"."""
    parser.add_argument(
        "runs", metavar="RUN", nargs=number, help="runs, by id, by a unique prefix of it, or by path"
    )
    add_save_dir(parser)


def add_network(parser: argparse.ArgumentParser, looked_at: str) -> None:
    """Add a run, one of its checkpoints and a split, for commands that inspect a network."""
    add_run(parser)
    add_json(parser)
    parser.add_argument(
        "--checkpoint", default="last", metavar="NAME", help="'last' (default) or 'epoch=0010'"
    )
    parser.add_argument("--split", default="train", choices=("train", "test"), help=looked_at)


def add_images(parser: argparse.ArgumentParser) -> None:
    """Add a run, and images of any origin: a folder, or files."""
    add_run(parser)
    parser.add_argument("images", metavar="DIR|FILE", nargs="+", help="a folder of images, or image files")


@contextmanager
def inspecting() -> Iterator[Callable[[float, str], None]]:
    """Yield a progress callback for inspecting a network. Raises ConfigError for an unreadable checkpoint."""
    from simsiam_core.model import CheckpointError

    try:
        with progress_line() as report:
            yield report
    except CheckpointError as error:
        raise ConfigError.at("checkpoint", str(error)) from None


def whole_number(text: str) -> int:
    """Parse a whole number by the same rule as settings, as an argparse type."""
    value = scalar(text)
    if isinstance(value, bool) or not isinstance(value, int):
        raise argparse.ArgumentTypeError(f"it must be a whole number, not {text!r}")
    return value


def number(text: str) -> float:
    """Parse a finite number, as an argparse type."""
    value = scalar(text)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"it must be a number, not {text!r}")
    return value


def chosen_run(arguments: argparse.Namespace) -> RunDirectory:
    """Return the run given for `add_run`. Raises RunError."""
    return RunStore(arguments.save_dir).find(arguments.run)


def chosen_runs(arguments: argparse.Namespace) -> list[RunDirectory]:
    """Return the runs given for `add_runs`, without duplicates. Raises RunError."""
    found = [RunStore(arguments.save_dir).find(name) for name in arguments.runs]
    return list({run.path: run for run in found}.values())


def print_json(value: dict[str, Any]) -> None:
    """Print one object to stdout as strict JSON: NaN and infinity become null."""
    print(dumps(value, indent=2))


def print_figures(figures: dict[str, Any], as_json: bool) -> None:
    """Print measurements as one JSON object, or one per line."""
    if as_json:
        return print_json(figures)
    width = max(map(len, figures)) + 2
    for name, value in figures.items():
        print(f"{name:<{width}} {value:,.4g}" if isinstance(value, float) else f"{name:<{width}} {value}")
    return None
