"""`export`: the backbone of a checkpoint, or its features, as a file for other programs."""

from __future__ import annotations

import argparse
from typing import Any

from simsiam_core.cli.options import add_json, add_run, chosen_run, print_json
from simsiam_core.cli.terminal import print_row
from simsiam_core.config import ConfigError
from simsiam_core.config.paths import path_flag
from simsiam_core.data import sources
from simsiam_core.evaluation import exporters
from simsiam_core.evaluation.exporter import Exporter
from simsiam_core.names import printable, storable


def add_to(commands: Any) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "export", help="write a backbone or features for others", description=__doc__
    )
    formats = exporters.listed()
    add_run(parser)
    add_json(parser)
    parser.add_argument(
        "--checkpoint", default="last", metavar="NAME", help="'last' (default) or 'epoch=0010'"
    )
    parser.add_argument(
        "--format",
        required=True,
        choices=formats,
        metavar="FORMAT",
        help="; ".join(_described(name, exporter) for name, exporter in formats.items()),
    )
    parser.add_argument("--split", default="train", choices=("train", "test"), help="of features")
    parser.add_argument(
        "--trained-on",
        default="textures",
        choices=[name for name, source in sources.listed().items() if not source.needs_path],
        help="what a bundle says of its training images (%(default)s)",
    )
    parser.add_argument(
        "--licence",
        default="",
        metavar="NAME",
        help="of the weights, in the model card, such as mit or cc-by-4.0 (default: unknown)",
    )
    parser.add_argument("--out", required=True, type=path_flag, metavar="FILE", help="where to write")
    parser.set_defaults(run_command=_export)


def _described(name: str, exporter: Exporter) -> str:
    suffix = f" ({exporter.suffix})" if exporter.suffix else ""
    return f"{name}: {exporter.help}{suffix}".replace("%", "%%")


def _export(arguments: argparse.Namespace) -> int:
    run = chosen_run(arguments)
    checkpoint = run.checkpoint(arguments.checkpoint)
    from simsiam_core.evaluation.export import export
    from simsiam_core.model import CheckpointError

    try:
        written = export(
            run,
            checkpoint,
            arguments.format,
            arguments.out,
            split=arguments.split,
            trained_on=arguments.trained_on,
            licence=arguments.licence,
        )
    except CheckpointError as error:
        raise ConfigError.at("checkpoint", str(error)) from None
    if arguments.json:
        print_json(
            {"run": run.id, "checkpoint": checkpoint.name, "files": [storable(str(p)) for p in written.paths]}
        )
    else:
        paths = ", ".join(printable(str(path)) for path in written.paths)
        print_row(text=f"Wrote {written.what}: {paths}")
    return 0
