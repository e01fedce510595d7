"""`export`: the backbone of a checkpoint, or its features, as a file for other programs."""

from __future__ import annotations

import argparse
from typing import Any

from simsiam_core.cli.options import add_json, add_run, chosen_run, print_json
from simsiam_core.cli.terminal import print_row
from simsiam_core.config import ConfigError
from simsiam_core.config.paths import path_flag
from simsiam_core.names import printable, storable

FORMATS = ("safetensors", "torchscript", "torch", "onnx", "npz", "parquet", "bundle")


def add_to(commands: Any) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "export", help="write a backbone or features for others", description=__doc__
    )
    add_run(parser)
    add_json(parser)
    parser.add_argument(
        "--checkpoint", default="last", metavar="NAME", help="'last' (default) or 'epoch=0010'"
    )
    parser.add_argument(
        "--format",
        required=True,
        choices=FORMATS,
        help="weights (the first four), features (npz, parquet), or a folder like assets/bundled",
    )
    parser.add_argument("--split", default="train", choices=("train", "test"), help="of features")
    parser.add_argument(
        "--trained-on",
        default="textures",
        choices=("textures", "cifar10", "cifar100", "stl10"),
        help="what a bundle says of its training images (%(default)s)",
    )
    parser.add_argument("--out", required=True, type=path_flag, metavar="FILE", help="where to write")
    parser.set_defaults(run_command=_export)


def _export(arguments: argparse.Namespace) -> int:
    run = chosen_run(arguments)
    checkpoint = run.checkpoint(arguments.checkpoint)
    from simsiam_core.evaluation.export import FEATURES, export_backbone, export_features
    from simsiam_core.model import CheckpointError

    try:
        if arguments.format == "bundle":
            from simsiam_core.model.bundled import pack

            written, text = [pack(run, arguments.out, arguments.trained_on)], "a bundle"
        elif arguments.format in FEATURES:
            count = export_features(run, checkpoint, arguments.split, arguments.format, arguments.out)
            written, text = [arguments.out], f"{count:,} features of the {arguments.split} images"
        else:
            beside = export_backbone(checkpoint, arguments.format, arguments.out)
            written, text = [arguments.out, beside], "the backbone and what it takes to use it"
    except CheckpointError as error:
        raise ConfigError.at("checkpoint", str(error)) from None
    if arguments.json:
        print_json(
            {"run": run.id, "checkpoint": checkpoint.name, "files": [storable(str(p)) for p in written]}
        )
    else:
        print_row(text=f"Wrote {text}: {', '.join(printable(str(path)) for path in written)}")
    return 0
