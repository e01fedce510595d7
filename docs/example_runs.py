"""Train the runs that docs/curves.md reads: one that learns, and three that go wrong in ways that people meet.

    python docs/example_runs.py RUNS_FOLDER

Runs that are there are kept. Takes some minutes on two cores.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from simsiam_core.config import merge, parse, preset
from simsiam_core.runs import RunStore
from simsiam_core.training.worker import train

# What each run changes in the preset `quick`. What goes wrong shows early.
EXAMPLES: dict[str, dict[str, Any]] = {
    "healthy": {"training": {"epochs": 16}},
    "collapsed": {"model": {"stop_gradient": False}, "training": {"epochs": 6}},
    "rate-too-high": {"optimiser": {"base_lr": 10.0}, "training": {"epochs": 6}},
    "below-raw-pixels": {"training": {"epochs": 2}},
}


def main() -> None:
    """Train what is missing in the folder named on the command line."""
    store = RunStore(Path(sys.argv[1]))
    known = {run.config().name for run in store.runs()}
    for name, changes in EXAMPLES.items():
        if name not in known:
            train(store.create(parse(merge(preset("quick").values, {"name": name}, changes))))


if __name__ == "__main__":
    main()
