"""`data`: what is understood of a folder, a CSV or parquet files before anything is decoded, and what is left out."""

from __future__ import annotations

import argparse
import math
import os
import zipfile
from pathlib import Path
from typing import Any

from simsiam_core.cli.options import add_json, print_json
from simsiam_core.cli.terminal import progress_line
from simsiam_core.config.sections.data import OWN_IMAGES
from simsiam_core.names import printable


def add_to(commands: Any) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "data", help="say what is understood of a folder of images", description=__doc__
    )
    parser.add_argument(
        "folder", metavar="DIR", help="a folder of images, a zip of them, a CSV or a parquet file"
    )
    parser.add_argument("--all", action="store_true", help="name every file that is left out")
    parser.add_argument(
        "--source",
        choices=OWN_IMAGES,
        help="how to read it, where its name does not say (a folder of parquet files)",
    )
    add_json(parser)
    parser.set_defaults(run_command=_data)


def _data(arguments: argparse.Namespace) -> int:
    from simsiam_core.data.left_out import NAMED, left_out_lines
    from simsiam_core.data.sources import SOURCES, source_of_path

    folder, unpacked = _unpacked(arguments.folder)
    list_images = SOURCES.get(arguments.source or source_of_path(folder)).list_images
    assert list_images is not None  # the choices of --source
    description = list_images(folder, math.inf).description
    if arguments.json:
        print_json(description.as_dict())
        return 0
    print(unpacked or printable(arguments.folder))
    for line in description.lines():
        print(line)
    if description.classes:
        width = max(len(one.name) for one in description.classes)
        print(f"\n{'class':<{width}}  {'train':>9}  {'test':>9}")
    for one in description.classes:
        print(f"{one.name:<{width}}  {one.train:>9,}  {one.test:>9,}")
    for line in left_out_lines(description.left_out, None if arguments.all else NAMED):
        print(line)
    return 0


def _unpacked(folder: str) -> tuple[str, str]:
    """Return the folder and a message; a zip is first unpacked into the shared cache of zips."""
    archive = os.path.expanduser(folder)
    if not (os.path.isfile(archive) and zipfile.is_zipfile(archive)):
        return folder, ""
    from simsiam_core.features.unpacking import unpack

    with progress_line() as report:
        found = unpack(Path(archive), report)
    return found.folder, str(found)
