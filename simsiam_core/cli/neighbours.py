"""`neighbours`: the images a checkpoint finds most alike to a picture."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from simsiam_core.cli.options import add_json, add_run, chosen_run, print_json
from simsiam_core.config import ConfigError


def add_to(commands: Any) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "neighbours", help="find the images most alike to a picture", description=__doc__
    )
    add_run(parser)
    add_json(parser)
    parser.add_argument(
        "--checkpoint", default="last", metavar="NAME", help="'last' (default) or 'epoch=0010'"
    )
    parser.add_argument("--split", default="train", choices=("train", "test"), help="where to look")
    parser.add_argument("-k", type=int, default=10, help="how many neighbours (default: 10)")
    parser.add_argument("--temperature", type=float, default=None, help="of the vote (default: the run's)")
    query = parser.add_mutually_exclusive_group(required=True)
    query.add_argument("--image", type=Path, metavar="FILE", help="a picture file")
    query.add_argument("--id", metavar="ID", help="an image of the run's own data, by id")
    parser.set_defaults(run_command=_neighbours)


def _neighbours(arguments: argparse.Namespace) -> int:
    from simsiam_core.data import PictureError
    from simsiam_core.features.inspection import neighbours
    from simsiam_core.model import CheckpointError

    run = chosen_run(arguments)
    temperature = arguments.temperature or run.config().knn.temperature
    try:
        query = arguments.id or arguments.image.read_bytes()
        answer = neighbours(
            run.path,
            arguments.checkpoint,
            arguments.split,
            query,
            arguments.k,
            temperature,
            progress=_progress,
        )
    except OSError as error:
        raise ConfigError.at("image", f"Cannot read {arguments.image}: {error.strerror}.") from None
    except (PictureError, CheckpointError) as error:
        raise ConfigError.at("image", str(error)) from None
    if arguments.json:
        found = [{"id": n.id, "label": n.label, "similarity": n.similarity} for n in answer.neighbours]
        votes = [{"label": v.label, "share": v.share, "weight": v.weight} for v in answer.votes]
        stamp = {
            "run": run.id,
            "checkpoint": arguments.checkpoint,
            "split": arguments.split,
            "layer": "backbone",
        }
        print_json(
            {**stamp, "k": arguments.k, "temperature": temperature, "neighbours": found, "votes": votes}
        )
        return 0
    for rank, neighbour in enumerate(answer.neighbours, start=1):
        print(f"{rank:>4}  {neighbour.similarity:.4f}  {neighbour.label or '':<16} {neighbour.id}")
    if answer.votes:
        print("vote  " + ", ".join(f"{v.label} {v.share:.0%}" for v in answer.votes[:5]))
    return 0


def _progress(share: float, activity: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{activity} ({share:.0%})\033[K", end="" if share < 1 else "\n", file=sys.stderr, flush=True)
