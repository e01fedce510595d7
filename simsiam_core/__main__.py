"""`python -m simsiam_core`, or `simsiam` where it is installed: the same actions as the page, without a browser."""

import sys

from simsiam_core import garbage_collection
from simsiam_core.cli import main


def run() -> int:
    """Run the command that the program was started with."""
    garbage_collection.reduce_gc_overhead()
    return main()


if __name__ == "__main__":
    sys.exit(run())
