"""`predict`: classify any images by an evaluation of a run, with confidences."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from pathlib import Path
from typing import Any

from simsiam_core.cli.options import add_images, add_json, chosen_run, inspecting, print_json
from simsiam_core.cli.terminal import print_row
from simsiam_core.config import ConfigError
from simsiam_core.config.paths import path_flag
from simsiam_core.names import printable, storable
from simsiam_core.runs.evaluations import find_evaluation

STDOUT = "-"


def add_to(commands: Any) -> None:
    """Add the command's parser."""
    parser = commands.add_parser("predict", help="classify any images by an evaluation", description=__doc__)
    add_images(parser)
    parser.add_argument(
        "--evaluation",
        metavar="ID",
        help="whose classifier; `runs show` lists them (default: the newest that has one)",
    )
    parser.add_argument(
        "--out",
        default=STDOUT,
        metavar="FILE",
        help="CSV file to write; - is stdout (default)",
    )
    add_json(parser)
    parser.set_defaults(run_command=_predict)


def _predict(arguments: argparse.Namespace) -> int:
    run = chosen_run(arguments)
    job = find_evaluation(run, arguments.evaluation) if arguments.evaluation else None
    from simsiam_core.evaluation.prediction import (
        Predicted,
        load_predictor,
        newest_predictor,
        write_predictions,
    )
    from simsiam_core.features.image_files import list_images
    from simsiam_core.runs.files import replacing

    files = list_images(arguments.images)
    out = None if arguments.out == STDOUT else path_flag(arguments.out)
    table = io.StringIO(newline="")
    with inspecting() as report:
        predictor = load_predictor(job or newest_predictor(run), report)
        if out is None:
            found: Predicted = write_predictions(
                predictor, files, table if arguments.json else sys.stdout, report
            )
        else:
            try:
                with replacing(out) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
                    found = write_predictions(predictor, files, file, report)
                    _check(found.count, len(files))
            except OSError as error:
                raise ConfigError.at("out", f"Cannot write {out}: {error.strerror or error}.") from None
    _check(found.count, len(files))
    if arguments.json:
        rows = list(map(_numbers, csv.DictReader(io.StringIO(table.getvalue(), newline=""))))
        left_out = [{"path": one.path, "reason": one.reason} for one in found.left_out]
        about = {
            "images": found.count,
            "labelled": found.labelled,
            "right": found.right,
            "left_out": left_out,
        }
        where = {"file": storable(str(out))} if out else {"predictions": rows}
        print_json({"run": run.id, "evaluation": predictor.evaluation, **about, **where})
        return 0
    _tell(found, predictor.evaluation, out)
    return 0


def _numbers(row: dict[str, str]) -> dict[str, str | float]:
    """Return a row of the table with its confidence and probabilities as numbers."""
    return {
        name: float(value) if name == "confidence" or name.startswith("p_") else value
        for name, value in row.items()
    }


def _check(readable: int, given: int) -> None:
    if not readable:
        raise ConfigError.at("images", f"None of the {given:,} images can be read.")


def _tell(found: Any, evaluation: str, out: Path | None) -> None:
    """Print what was done, beside the table if that went to stdout."""
    from simsiam_core.data.left_out import left_out_lines

    lines = list(left_out_lines(found.left_out))
    if found.labelled:
        share = f"{found.right / found.labelled:.1%}"
        lines.append(
            f"Of {found.labelled:,} images in folders named as classes, {share} are predicted as their folder says."
        )
    images = f"{found.count:,} image{'s' * (found.count != 1)}"
    lines.append(f"{images} classified by {evaluation}" + (f": {printable(str(out))}" if out else "."))
    for line in lines:
        if out is None:
            print(line, file=sys.stderr)
        else:
            print_row(text=line)
