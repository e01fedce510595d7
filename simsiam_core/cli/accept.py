"""`accept`: prove on this machine, first of all on one with a GPU, that everything works as it should."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from simsiam_core.bench.accept import PARTS
from simsiam_core.cli.options import add_json, print_json
from simsiam_core.config import ConfigError

MARKS = {True: "pass", False: "FAIL", None: "–"}


def add_to(commands: Any) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "accept", help="prove that this machine's GPU works as it should", description=__doc__
    )
    listed = "; ".join(f"{name}: {part.shows}" for name, part in PARTS.items())
    parser.add_argument(
        "--only",
        action="append",
        choices=PARTS,
        metavar="PART",
        help=f"this part alone; may be repeated. {listed}",
    )
    parser.add_argument(
        "--minutes", type=float, default=8.0, help="for all parts together; each has its share (%(default)g)"
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="images to learn from: a folder of them, or one that holds cifar-10-python.tar.gz; without it, textures",
    )
    add_json(parser)
    parser.set_defaults(run_command=_accept)


def _accept(arguments: argparse.Namespace) -> int:
    from simsiam_core.bench.accept.runner import accept

    if not arguments.minutes > 0:
        raise ConfigError.at("minutes", f"Minutes is {arguments.minutes:g}; it must be more than 0.")
    if arguments.data is not None and not arguments.data.is_dir():
        raise ConfigError.at("data", f"There is no folder {arguments.data}; give one with images.")
    rows = accept(
        arguments.only or list(PARTS),
        arguments.minutes,
        arguments.data,
        lambda line: print(line, file=sys.stderr, flush=True),
    )
    passed = not any(row["passed"] is False for row in rows)
    if arguments.json:
        print_json({"passed": passed, "rows": rows})
    else:
        _print_table(rows)
        counts = [sum(row["passed"] is mark for row in rows) for mark in MARKS]
        print(f"\n{counts[0]} passed, {counts[1]} failed, {counts[2]} skipped")
    return 0 if passed else 1


def _print_table(rows: list[dict[str, Any]]) -> None:
    """Print the rows as a table: part, check, mark, figure, limit, note."""
    cells = [
        (row["part"], row["name"], MARKS[row["passed"]], str(row["figure"]), row["limit"], row["note"])
        for row in rows
    ]
    cells.insert(0, ("part", "what", "", "figure", "limit", "note"))
    widths = [max(len(line[column]) for line in cells) for column in range(5)]
    for line in cells:
        columns = [f"{cell:<{width}}" for cell, width in zip(line, widths, strict=False)]
        print("  ".join([*columns, line[5]]).rstrip())
