"""`neighbours`: the images a checkpoint finds most alike to an image."""

from __future__ import annotations

import argparse
from typing import Any

from simsiam_core.cli.options import add_network, chosen_run, inspecting, number, print_json, whole_number
from simsiam_core.cli.terminal import print_row
from simsiam_core.config import ConfigError
from simsiam_core.config.paths import path_flag
from simsiam_core.names import printable, storable


def add_to(commands: Any) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "neighbours", help="find the images most alike to an image", description=__doc__
    )
    add_network(parser, "where to look")
    parser.add_argument(
        "--bank", type=path_flag, metavar="DIR", help="look among the images of this folder instead"
    )
    parser.add_argument(
        "--beside", action="append", default=[], metavar="NAME", help="another checkpoint; may be repeated"
    )
    parser.add_argument(
        "--region",
        metavar="LEFT,TOP,SIDE",
        help="ask with a square part, in shares of the image: 0.25,0,0.5",
    )
    parser.add_argument("--hide-same", action="store_true", help="leave out images of the query's own class")
    parser.add_argument("-k", type=whole_number, default=10, help="how many neighbours (default: 10)")
    parser.add_argument("--temperature", type=number, default=None, help="of the vote (default: the run's)")
    query = parser.add_mutually_exclusive_group(required=True)
    query.add_argument("--image", type=path_flag, metavar="FILE", help="an image file")
    query.add_argument("--id", metavar="ID", help="an image of the run's own data, by id")
    parser.set_defaults(run_command=_neighbours)


def _neighbours(arguments: argparse.Namespace) -> int:
    from simsiam_core.data import ImageError
    from simsiam_core.features.compare import ask_all, changes
    from simsiam_core.features.folder_split import folder_split
    from simsiam_core.features.retrieval import Question

    run = chosen_run(arguments)
    temperature = arguments.temperature or run.config().knn.temperature
    try:
        query = storable(arguments.id) if arguments.id else arguments.image.read_bytes()
        names = [arguments.checkpoint, *arguments.beside]
        split = folder_split(str(arguments.bank.resolve())) if arguments.bank else arguments.split
        with inspecting() as report:
            answer, *others = ask_all(
                [(run.path, name) for name in names],
                Question(
                    split, query, arguments.k, temperature, _region(arguments.region), arguments.hide_same
                ),
                report,
            )
    except OSError as error:
        raise ConfigError.at(
            "image", f"Cannot read {printable(str(arguments.image))}: {error.strerror}."
        ) from None
    except ImageError as error:
        raise ConfigError.at("image", str(error)) from None
    ids = [n.id for n in answer.neighbours]
    beside = {
        name: changes(ids, [n.id for n in other.neighbours])
        for name, other in zip(arguments.beside, others, strict=True)
    }
    if arguments.json:
        found = [{"id": n.id, "label": n.label, "similarity": n.similarity} for n in answer.neighbours]
        votes = [{"label": v.label, "share": v.share, "weight": v.weight} for v in answer.votes]
        stamp = {
            "run": run.id,
            "checkpoint": arguments.checkpoint,
            "split": split,
            "layer": "backbone",
        }
        moved = {name: [vars(change) for change in each] for name, each in beside.items()}
        asked = {"k": arguments.k, "temperature": temperature}
        print_json({**stamp, **asked, "neighbours": found, "votes": votes, "beside": moved})
        return 0
    for rank, neighbour in enumerate(answer.neighbours, start=1):
        print_row(
            f"{rank:>4}", f"{neighbour.similarity:.4f}", f"{neighbour.label or '':<16}", text=neighbour.id
        )
    if answer.votes:
        print_row("vote", text=", ".join(f"{v.label} {v.share:.0%}" for v in answer.votes[:5]))
    for name, each in beside.items():
        stayed = sum(change.before is not None and change.after is not None for change in each)
        print(f"{name}: {stayed} of {len(ids)} stayed")
        for change in each:
            print(f"{change.after or '-':>4}  was {change.before or '-':<4} {change.id}")
    return 0


def _region(text: str | None) -> tuple[float, float, float] | None:
    if text is None:
        return None
    try:
        left, top, side = (float(part) for part in text.split(","))
    except ValueError:
        raise ConfigError.at(
            "region", f"The region is {text!r}; give LEFT,TOP,SIDE such as 0.25,0,0.5."
        ) from None
    return left, top, side
