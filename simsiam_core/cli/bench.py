"""`bench`: measure this machine."""

from __future__ import annotations

import argparse
import importlib
from typing import Any

from simsiam_core.cli.options import add_json, number, print_figures, print_json, whole_number
from simsiam_core.cli.terminal import progress_line
from simsiam_core.config import ConfigError, presets
from simsiam_core.config.paths import path_flag
from simsiam_core.config.sections.objective import method_names

QUESTIONS = {
    "neighbours": "how long a neighbour query takes, and whether it is exact",
    "novelty": "how well images of another folder are told from images like those of a data set (wants --path)",
    "map": "how soon a map of 10,000 points is there",
    "compare": "whether this checkout is as quick as another one (about twelve minutes)",
    "images": "how fast images are decoded, measured, augmented, encoded and trained on",
    "first-use": "how many clicks and seconds a new user's first results take (wants playwright)",
    "cluster": "whether a run in SLURM is interrupted without loss (needs a cluster; some minutes)",
    "canvas": "how smoothly a map of 50,000 points moves in Chromium (wants playwright)",
    "monitoring": "what watching a run costs the run",
    "load": "what 40 people at once cost the server and the training (four minutes)",
    "page": "how soon the page is there",
    "training": "how fast training is, where its time goes, and what a run will take; the default",
    "methods": "whether each training method learns textures, or images of --path, better than raw pixels (an hour)",
    "my-images": "what the preset my-images reaches on given images, against raw pixels",
    "evaluation": "how long kNN accuracy and the linear sweep take on 50,000 × 512 features, and if they are right",
    "runs": "how long the list of runs, a filter and a tick take where there are 10,000 runs (some ten minutes)",
    "server": "what many runs and many open pages cost the server",
}


def add_to(commands: Any) -> None:
    """Add the command's parser."""
    parser = commands.add_parser("bench", help="measure this machine", description=__doc__)
    listed = "; ".join(f"{name}: {question}" for name, question in QUESTIONS.items())
    parser.add_argument(
        "question", nargs="?", default="training", choices=QUESTIONS, metavar="QUESTION", help=listed
    )
    training = parser.add_argument_group("training")
    named = f"what to train: {', '.join(presets())} (%(default)s)"
    training.add_argument("--preset", default="quick", choices=presets(), metavar="NAME", help=named)
    training.add_argument(
        "--baseline", action="store_true", help="compare with the ways of published code, in the same run"
    )
    training.add_argument("--rounds", type=whole_number, default=15, help="turns of each way (%(default)s)")
    training.add_argument("--batch-size", type=whole_number, help="images a step, instead of the preset's")
    training.add_argument(
        "--compile",
        choices=("auto", "always", "never"),
        help="whether training and the bare loop are compiled, instead of the preset's choice",
    )
    neighbours = parser.add_argument_group("neighbours")
    neighbours.add_argument(
        "--large", action="store_true", help="also ask a bank of 1,000,000 × 512 on disk (writes 2 GB)"
    )
    evaluation = parser.add_argument_group("evaluation, images, methods, novelty and first use")
    evaluation.add_argument(
        "--path",
        metavar="FOLDER",
        help="images to take, labelled for evaluation; without it they are made up",
    )
    evaluation.add_argument(
        "--bank",
        metavar="FOLDER",
        help="novelty: images with a test split that the others are to be unlike (default: textures)",
    )
    evaluation.add_argument(
        "--image-size", type=whole_number, default=96, metavar="PX", help="of images (%(default)s)"
    )
    learning = parser.add_argument_group("methods, and my-images where it is said")
    learning.add_argument(
        "--method",
        action="append",
        default=[],
        choices=method_names(),
        metavar="NAME",
        help=f"one of {', '.join(method_names())}; may be repeated (default: all); for my-images too, which "
        "otherwise trains by the method of the preset",
    )
    learning.add_argument("--seeds", type=whole_number, default=3, help="runs of each (%(default)s)")
    learning.add_argument(
        "--epochs",
        type=whole_number,
        help="of each run (methods: 12; my-images: what the preset chooses for --minutes)",
    )
    learning.add_argument(
        "--equal-compute", action="store_true", help="as many FLOP for each method as SimSiam's epochs take"
    )
    learning.add_argument("--train-limit", type=whole_number, metavar="N", help="training images of --path")
    learning.add_argument("--test-limit", type=whole_number, metavar="N", help="test images of --path")
    cluster = parser.add_argument_group("cluster")
    cluster.add_argument(
        "--disturbances", type=whole_number, default=10, help="requeues and kills (%(default)s)"
    )
    own = parser.add_argument_group("my-images")
    own.add_argument(
        "--images",
        action="append",
        default=[],
        metavar="IMAGES",
        help="a folder of classes, textures:N or textures:N:unlabelled; may be repeated, needed here",
    )
    own.add_argument(
        "--start",
        action="append",
        default=[],
        choices=("random", "pretrained"),
        help="weights to start from; may be repeated (default: both)",
    )
    own.add_argument("--minutes", type=number, default=5.0, help="of training a run (%(default)s)")
    own.add_argument(
        "--pace",
        type=number,
        default=777.0,
        metavar="IMAGES",
        help="images a second that the length of a run is chosen for, as if the machine were idle (%(default)s)",
    )
    own.add_argument(
        "--results",
        type=path_flag,
        metavar="FILE",
        help="keep results here, and go on from those kept; also of methods",
    )
    comparing = parser.add_argument_group("compare")
    comparing.add_argument("--against", type=path_flag, metavar="DIR", help="the other checkout, needed here")
    comparing.add_argument("--pairs", type=whole_number, default=10, help="pairs of each (%(default)s)")
    comparing.add_argument(
        "--only",
        action="append",
        default=[],
        choices=("page", "tick", "upload", "quick"),
        help="page start, ticks, uploads or training, instead of all; may be repeated",
    )
    add_json(parser)
    parser.set_defaults(run_command=_bench)


def _bench(arguments: argparse.Namespace) -> int:
    if arguments.question == "compare":
        return _compare(arguments)
    options: dict[str, Any] = {}
    if arguments.question == "training":
        options = {
            "preset_name": arguments.preset,
            "baseline": arguments.baseline,
            "rounds": max(2, arguments.rounds),
            "changes": {
                "training": {
                    name: value
                    for name in ("batch_size", "compile")
                    if (value := getattr(arguments, name)) is not None
                }
            },
        }
    elif arguments.question == "neighbours" and arguments.large:
        options = {"large": 1_000_000}
    elif arguments.question == "methods":
        options = _methods(arguments)
    elif arguments.question == "cluster":
        options = {"disturbances": arguments.disturbances}
    elif arguments.question in ("evaluation", "first-use"):
        options = {"path": arguments.path}
    elif arguments.question == "novelty":
        options = {"path": arguments.path, "bank": arguments.bank}
    elif arguments.question == "images":
        options = {
            "path": arguments.path,
            "preset_name": arguments.preset,
            "image_size": arguments.image_size,
        }
    elif arguments.question == "my-images":
        options = _my_images(arguments)
    module = f"simsiam_core.bench.{arguments.question.replace('-', '_')}"
    figures = importlib.import_module(module).measure(**options)
    print_figures(figures, arguments.json)
    return 0


def _methods(arguments: argparse.Namespace) -> dict[str, Any]:
    from simsiam_core.bench.methods import EPOCHS, Trial

    epochs = arguments.epochs or EPOCHS
    limits = arguments.train_limit, arguments.test_limit
    trial = Trial(epochs, arguments.path, *limits, arguments.equal_compute)
    return {
        "methods": arguments.method,
        "seeds": arguments.seeds,
        "trial": trial,
        "results": arguments.results,
    }


def _my_images(arguments: argparse.Namespace) -> dict[str, Any]:
    if not arguments.images:
        raise ConfigError.at("images", "bench my-images needs --images: a folder of classes, or textures:N.")
    return {
        "images": arguments.images,
        "starts": arguments.start or ["random", "pretrained"],
        "seeds": arguments.seeds,
        "minutes": arguments.minutes,
        "images_per_second": arguments.pace,
        "results": arguments.results,
        "methods": arguments.method,
        "epochs": arguments.epochs,
    }


def _compare(arguments: argparse.Namespace) -> int:
    """Run the comparison; the exit code is 1 if this checkout is slower."""
    from simsiam_core.bench.compare import compare, table

    if arguments.against is None:
        raise ConfigError.at(
            "against", "bench compare needs --against DIR, another checkout of this program."
        )
    with progress_line() as progress:
        ratios = compare(arguments.against.resolve(), arguments.pairs, arguments.only, progress)
    if arguments.json:
        measures = {name: ratio.as_json() for name, ratio in ratios.items()}
        print_json({"against": str(arguments.against), "pairs": arguments.pairs, "measures": measures})
    else:
        print("\n".join(table(ratios)))
    return int(any(ratio.slower for ratio in ratios.values()))
