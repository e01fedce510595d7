"""`embed`: the features that a network gives to any images, as a table."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from simsiam_core.cli.options import add_images, add_json, chosen_run, inspecting, print_json
from simsiam_core.cli.terminal import print_row
from simsiam_core.config.paths import path_flag
from simsiam_core.names import printable, storable


def add_to(commands: Any) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "embed", help="write the features of any images as a table", description=__doc__
    )
    add_images(parser)
    add_json(parser)
    parser.add_argument(
        "--checkpoint", default="last", metavar="NAME", help="'last' (default) or 'epoch=0010'"
    )
    parser.add_argument(
        "--out", required=True, type=path_flag, metavar="FILE", help="table to write: .parquet or .npz"
    )
    parser.set_defaults(run_command=_embed)


def _embed(arguments: argparse.Namespace) -> int:
    run = chosen_run(arguments)
    checkpoint = run.checkpoint(arguments.checkpoint)
    from simsiam_core.data.left_out import left_out_lines
    from simsiam_core.evaluation.embedding import embed, format_of
    from simsiam_core.features.image_files import list_images

    format_of(arguments.out)
    files = list_images(arguments.images)
    try:
        with inspecting() as report:
            found = embed(checkpoint, files, arguments.out, report)
    except KeyboardInterrupt:
        print("Interrupted. The same command goes on where it was.", file=sys.stderr)
        return 1
    if arguments.json:
        left_out = [{"path": one.path, "reason": one.reason} for one in found.left_out]
        about = {"images": found.count, "dim": found.dim, "left_out": left_out}
        print_json(
            {"run": run.id, "checkpoint": checkpoint.name, "file": storable(str(arguments.out)), **about}
        )
        return 0
    if found.resumed_at:
        print_row(text=f"Went on from image {found.resumed_at + 1:,}, where it was interrupted.")
    if found.began_anew:
        print_row(text="Began anew: the images or the checkpoint have changed since it was interrupted.")
    for line in left_out_lines(found.left_out):
        print_row(text=line)
    what = f"{found.count:,} features of {found.dim:,} numbers, l2-normalised"
    print_row(text=f"Wrote {what}: {printable(str(arguments.out))}")
    return 0
