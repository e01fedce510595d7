"""`import`: a network trained by another program becomes a read-only run to look inside; an archive a run again."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simsiam_core.cli.options import add_json, add_save_dir, number, print_json, whole_number
from simsiam_core.cli.terminal import print_row, progress_line
from simsiam_core.config import ConfigError, fields
from simsiam_core.config.paths import path_flag
from simsiam_core.config.sections.data import source_names
from simsiam_core.model.foreign.pretrained import TITLE
from simsiam_core.runs import RunDirectory, RunStore
from simsiam_core.runs.archive import is_archive, missing_images, restore_archive

if TYPE_CHECKING:
    from simsiam_core.model.foreign.understanding import Understanding, Wishes

STEMS = next(spec.choices for spec in fields() if spec.path == "model.stem")

# Options that say which network a file holds, and options that say what its run shows.
_OF_THE_NETWORK = ("--backbone", "--stem", "--network", "--by-order")
_OF_THE_RUN = ("--mean", "--std", "--image-size", "--name", "--data.source", "--data.path", "--dry-run")
_DESTINATIONS = {"--data.source": "source", "--data.path": "folder"}


def add_to(commands: Any) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "import",
        help="look inside a network trained elsewhere, or restore an archived run",
        description=__doc__,
    )
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="*",
        type=path_flag,
        help="state dicts or checkpoints of torch, safetensors; several are one network at different times of its "
        "training. Or an archive of a run",
    )
    parser.add_argument(
        "--backbone", metavar="NAME", help="the network, where it is not found: timm:vit_small_patch16_224"
    )
    parser.add_argument("--stem", choices=STEMS, help="of a ResNet with a 3×3 stem, which shapes do not tell")
    parser.add_argument(
        "--network",
        metavar="PREFIX",
        help="one of several in the file, such as student (default: an averaged one)",
    )
    parser.add_argument(
        "--by-order", action="store_true", help="match by the order of shapes alone, whatever the names are"
    )
    parser.add_argument(
        "--mean", type=triple, metavar="R,G,B", help="of the images it was trained on, on the scale 0..1"
    )
    parser.add_argument("--std", type=triple, metavar="R,G,B", help="of these images, likewise")
    parser.add_argument(
        "--image-size", type=whole_number, metavar="PX", help="side of the images it is shown"
    )
    parser.add_argument("--name", default="", help="of the run (default: the file's)")
    parser.add_argument(
        "--data.source", dest="source", choices=source_names(), help="images of the run (default: textures)"
    )
    parser.add_argument(
        "--data.path", dest="folder", metavar="DIR", help="their folder, for the source 'folder'"
    )
    parser.add_argument(
        "--pretrained",
        action="store_true",
        help=f"import {TITLE} once, where the extra [pretrained] is installed",
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what is understood")
    add_save_dir(parser)
    add_json(parser)
    parser.set_defaults(run_command=_import)


def triple(text: str) -> tuple[float, float, float]:
    """Parse three numbers with commas between them, or one for all channels, as an argparse type."""
    values = [number(part) for part in text.split(",")]
    if len(values) == 1:
        values *= 3
    if len(values) != 3:
        raise argparse.ArgumentTypeError(f"it must be one number or three with commas, not {text!r}")
    return values[0], values[1], values[2]


def _import(arguments: argparse.Namespace) -> int:
    store = RunStore(arguments.save_dir)
    if bool(arguments.files) == arguments.pretrained:
        raise ConfigError.at("files", "Give files to import, or --pretrained.")
    if archives := [path for path in arguments.files if is_archive(path)]:
        return _restore(archives[0], store, arguments)
    if arguments.pretrained:
        _refuse_unused(arguments, f"--pretrained is {TITLE}", *_OF_THE_NETWORK, "--mean", "--std")
    from simsiam_core.model import CheckpointError
    from simsiam_core.model.foreign.pretrained import understand_pretrained
    from simsiam_core.model.foreign.report import report
    from simsiam_core.model.foreign.understanding import understand

    wishes = _wishes(arguments)
    try:
        with progress_line() as progress:
            if arguments.pretrained:
                found = [understand_pretrained(wishes, progress)]
            else:
                found = understand(arguments.files, wishes, progress)
        understood = report(found)
        if not arguments.json:
            for heading, sentence in understood.lines():
                print_row(f"{heading:<10}", text=sentence)
        run = None if arguments.dry_run else _install(store, found, arguments)
    except CheckpointError as error:
        raise ConfigError.at("files", str(error)) from None
    if arguments.json:
        print_json({"run": run.id if run else None, **understood.as_dict()})
    elif run is not None:
        print_row(f"{'Run':<10}", text=run.id)
    return 0


def _install(store: RunStore, found: Sequence[Understanding], arguments: argparse.Namespace) -> RunDirectory:
    """Return the run of files that were understood; the pretrained network's is made once."""
    from simsiam_core.model.foreign.installing import install
    from simsiam_core.model.foreign.pretrained import install_pretrained

    data = _data(arguments)
    if arguments.pretrained:
        return install_pretrained(store, found[0], arguments.name, data)
    return install(store, found, arguments.name, data)


def _refuse_unused(arguments: argparse.Namespace, what: str, *flags: str) -> None:
    """Raise ConfigError for options that have no meaning for what is imported."""
    given = [
        flag for flag in flags if getattr(arguments, _DESTINATIONS.get(flag, flag[2:].replace("-", "_")))
    ]
    if given:
        raise ConfigError.at("files", f"{what}; leave out {', '.join(given)}.")


def _restore(path: Path, store: RunStore, arguments: argparse.Namespace) -> int:
    if len(arguments.files) > 1:
        raise ConfigError.at("files", f"{path.name} is an archive of a run; import it alone.")
    what = f"{path.name} is an archive of a run, which comes back as it was"
    _refuse_unused(arguments, what, *_OF_THE_NETWORK, *_OF_THE_RUN)
    with progress_line() as progress:
        run = restore_archive(path, store, progress)
    note = missing_images(run)
    if arguments.json:
        print_json({"run": run.id, "restored": True, "note": note})
        return 0
    print_row(f"{'Restored':<10}", text=run.id)
    if note:
        print_row(text=note)
    return 0


def _wishes(arguments: argparse.Namespace) -> Wishes:
    from simsiam_core.model.foreign.understanding import Wishes

    return Wishes(
        backbone=arguments.backbone,
        stem=arguments.stem,
        image_size=arguments.image_size,
        mean=arguments.mean,
        std=arguments.std,
        network=arguments.network,
        by_order=arguments.by_order,
    )


def _data(arguments: argparse.Namespace) -> dict[str, Any]:
    source = arguments.source or ("folder" if arguments.folder else None)
    given = {"source": source, "path": arguments.folder}
    return {name: value for name, value in given.items() if value is not None}
