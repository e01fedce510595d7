"""`diagnose`: near-duplicates, outliers and suspicious labels among the images."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from simsiam_core.cli.options import (
    add_network,
    chosen_run,
    inspecting,
    number,
    print_figures,
    print_json,
    whole_number,
)
from simsiam_core.cli.terminal import print_row
from simsiam_core.config import ConfigError
from simsiam_core.config.paths import path_flag
from simsiam_core.features.diagnosis import Thresholds
from simsiam_core.features.findings import Diagnosis, findings_csv
from simsiam_core.runs import RunDirectory

KINDS = ("duplicates", "labels", "outliers")


def add_to(commands: Any) -> None:
    """Add the command's parser."""
    parser = commands.add_parser("diagnose", help="find what is wrong with the data", description=__doc__)
    add_network(parser, "which images")
    parser.add_argument(
        "--out",
        type=path_flag,
        metavar="DIR",
        help="folder for duplicates.csv, labels.csv, outliers.csv; ids stand in them exactly as they are, so a "
        "spreadsheet should import them as text",
    )
    standard = Thresholds()
    for name, kind, what in (
        ("--duplicate", number, "least agreement of a pair"),
        ("--label", number, "least doubt about a label"),
        ("--outlier", number, "least distance of an outlier"),
        ("-k", whole_number, "neighbours looked at"),
    ):
        default = getattr(standard, name.lstrip("-"))
        parser.add_argument(name, type=kind, default=default, help=f"{what} (default: %(default)s)")
    parser.add_argument(
        "--limit", type=whole_number, default=200, help="findings of each kind (default: 200)"
    )
    parser.add_argument(
        "--planted",
        action="store_true",
        help="try it: plant 50 near-duplicates and 100 wrong labels in a copy, and say how many are found",
    )
    parser.set_defaults(run_command=_diagnose)


def _diagnose(arguments: argparse.Namespace) -> int:
    from simsiam_core.features.diagnosis import diagnose

    run = chosen_run(arguments)
    if arguments.planted:
        return _planted(run, arguments)
    thresholds = Thresholds(arguments.duplicate, arguments.outlier, arguments.label, arguments.k)
    with inspecting() as report:
        found = diagnose(
            run.path, arguments.checkpoint, arguments.split, thresholds, max(0, arguments.limit), 0, report
        )
    if arguments.out:
        _write(found, arguments.out)
    lists = {kind: [_row(finding) for finding in getattr(found, kind)] for kind in KINDS}
    if arguments.json:
        stamp = {"run": run.id, "checkpoint": arguments.checkpoint, "split": arguments.split}
        stamp |= {"checked": found.checked, "found": found.found, "notes": dict(found.notes)}
        print_json({**stamp, **lists})
        return 0
    for kind, rows in lists.items():
        print(f"{kind}: {found.found[kind]:,} among {found.checked:,}")
        if kind in found.notes:
            print(f"  {found.notes[kind]}")
        for row in rows[:10]:
            suggested = f" → {row['suggested']}" if row["suggested"] else ""
            said = f"{row['id']}{suggested}  {row['evidence'][0]}  ({row['note']})"
            print_row(f"  {row['score']:.3f}", text=said)
    return 0


def _write(found: Diagnosis, folder: Path) -> None:
    """Write a CSV file for each kind of finding, the same as the page saves. Raises ConfigError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for kind in KINDS:
            text = findings_csv(getattr(found, kind))
            (folder / f"{kind}.csv").write_bytes(text.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise ConfigError.at("out", f"Cannot write to {folder}: {error.strerror}.") from None


def _planted(run: RunDirectory, arguments: argparse.Namespace) -> int:
    from simsiam_core.bench import planted

    with inspecting() as report:
        figures = planted.measure(run, arguments.checkpoint, k=arguments.k, progress=report)
    print_figures(figures, arguments.json)
    return 0


def _row(finding: Any) -> dict[str, Any]:
    return {
        "id": finding.image.id,
        "label": finding.image.label,
        "score": round(finding.score, 5),
        "suggested": finding.suggested,
        "evidence": [image.id for image in finding.evidence],
        "note": finding.note,
    }
