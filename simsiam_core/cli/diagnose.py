"""`diagnose`: near-duplicates, outliers and suspicious labels among the pictures."""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

from simsiam_core.cli.options import add_network, checkpoint_in_words, chosen_run, print_json, report
from simsiam_core.config import ConfigError

KINDS = ("duplicates", "labels", "outliers")


def add_to(commands: Any) -> None:
    """Add the command's parser."""
    parser = commands.add_parser("diagnose", help="find what is wrong with the data", description=__doc__)
    add_network(parser, "which pictures")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for duplicates.csv, labels.csv, outliers.csv"
    )
    parser.add_argument(
        "--duplicate", type=float, default=0.95, help="least agreement of a pair (%(default)s)"
    )
    parser.add_argument("--label", type=float, default=0.5, help="least vote against a label (%(default)s)")
    parser.add_argument(
        "--outlier", type=float, default=0.1, help="least distance of an outlier (%(default)s)"
    )
    parser.add_argument("-k", type=int, default=10, help="neighbours looked at (default: 10)")
    parser.add_argument("--limit", type=int, default=200, help="findings of each kind (default: 200)")
    parser.set_defaults(run_command=_diagnose)


def _diagnose(arguments: argparse.Namespace) -> int:
    from simsiam_core.features.diagnosis import Thresholds, diagnose

    run = chosen_run(arguments)
    thresholds = Thresholds(arguments.duplicate, arguments.outlier, arguments.label, arguments.k)
    with checkpoint_in_words():
        found = diagnose(
            run.path, arguments.checkpoint, arguments.split, thresholds, max(0, arguments.limit), 0, report
        )
    lists = {kind: [_row(finding) for finding in getattr(found, kind)] for kind in KINDS}
    if arguments.out:
        try:
            arguments.out.mkdir(parents=True, exist_ok=True)
            for kind, rows in lists.items():
                with (arguments.out / f"{kind}.csv").open("w", newline="", encoding="utf-8") as file:
                    writer = csv.DictWriter(file, ["id", "label", "score", "suggested", "evidence", "note"])
                    writer.writeheader()
                    writer.writerows({**row, "evidence": " ".join(row["evidence"])} for row in rows)
        except OSError as error:
            raise ConfigError.at("out", f"Cannot write to {arguments.out}: {error.strerror}.") from None
    if arguments.json:
        stamp = {"run": run.id, "checkpoint": arguments.checkpoint, "split": arguments.split}
        print_json({**stamp, "checked": found.checked, "found": found.found, **lists})
        return 0
    for kind, rows in lists.items():
        print(f"{kind}: {found.found[kind]:,} among {found.checked:,}")
        for row in rows[:10]:
            suggested = f" → {row['suggested']}" if row["suggested"] else ""
            print(f"  {row['score']:.3f}  {row['id']}{suggested}  {row['evidence'][0]}  ({row['note']})")
    return 0


def _row(finding: Any) -> dict[str, Any]:
    return {
        "id": finding.picture.id,
        "label": finding.picture.label,
        "score": round(finding.score, 5),
        "suggested": finding.suggested,
        "evidence": [picture.id for picture in finding.evidence],
        "note": finding.note,
    }
