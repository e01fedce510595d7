"""`backbones`: the networks that can be trained, and what they cost."""

from __future__ import annotations

import argparse
import difflib
from fnmatch import fnmatchcase
from typing import Any

from simsiam_core.cli.options import add_json, print_json, whole_number
from simsiam_core.cli.terminal import progress_line
from simsiam_core.config import Config, ConfigError, ModelConfig, parse

WITH_FIGURES = 40  # at most this many networks are built, a tenth of a second or more each


def add_to(commands: Any) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "backbones", help="list the networks that can be trained", description=__doc__
    )
    parser.add_argument(
        "filter",
        nargs="?",
        metavar="FILTER",
        help=f"part of a name, or a pattern such as 'timm:vit_*'; up to {WITH_FIGURES} networks are shown with their "
        "parameters and operations",
    )
    size = Config().data.image_size
    parser.add_argument(
        "--image-size",
        type=whole_number,
        default=size,
        metavar="PX",
        help="side of the images (default: %(default)s)",
    )
    add_json(parser)
    parser.set_defaults(run_command=_backbones)


def _backbones(arguments: argparse.Namespace) -> int:
    size = parse({"data": {"image_size": arguments.image_size}}).data.image_size
    names = _matching(arguments.filter)
    rows: list[dict[str, Any]] = [{"name": name} for name in names]
    if len(names) <= WITH_FIGURES:
        with progress_line() as progress:
            for index, name in enumerate(names):
                progress(index / len(names), f"Working out {name}")
                rows[index] |= _figures(name, size)
    if arguments.json:
        print_json({"image_size": size, "backbones": rows})
    else:
        print("\n".join(_table(rows, size) if len(names) <= WITH_FIGURES else _list(names)))
    return 0


def _matching(wanted: str | None) -> list[str]:
    """Return the names that hold a text or match a pattern. Raises ConfigError if there is none."""
    from simsiam_core.model.backbone import backbone_names

    names = backbone_names()
    if not wanted:
        return list(names)
    pattern = wanted if any(sign in wanted for sign in "*?[") else f"*{wanted}*"
    if found := [name for name in names if fnmatchcase(name, pattern)]:
        return found
    by_end = {name.partition(":")[2] or name: name for name in names}
    close = difflib.get_close_matches(wanted.rpartition(":")[2], by_end, n=3)
    hint = f"; did you mean {' or '.join(by_end[end] for end in close)}?" if close else "."
    raise ConfigError.at("filter", f"No network's name matches {wanted!r}{hint}")


def _figures(name: str, size: int) -> dict[str, Any]:
    from simsiam_core.model.cost import cost

    try:
        found = cost(ModelConfig(backbone=name), size)
    except ConfigError as error:
        return {"problem": " ".join(problem.message for problem in error.problems)}
    return {"parameters": found.parameters, "macs": round(found.macs), "feature_dim": found.feature_dim}


def _table(rows: list[dict[str, Any]], size: int) -> list[str]:
    width = max(len("name"), *(len(row["name"]) for row in rows))
    lines = [f"{'name':<{width}}  parameters  GMAC at {size} px  features"]
    for row in rows:
        if "problem" in row:
            lines.append(f"{row['name']:<{width}}  {row['problem']}")
            continue
        figures = f"{row['parameters'] / 1e6:8.2f} M  {row['macs'] / 1e9:{len(f'GMAC at {size} px')}.3f}"
        lines.append(f"{row['name']:<{width}}  {figures}  {row['feature_dim']:8,}")
    return lines


def _list(names: list[str]) -> list[str]:
    note = f"{len(names):,} networks; up to {WITH_FIGURES} are shown with parameters and GMAC: give a FILTER."
    return [*names, "", note]
