"""Entry point of `python -m simsiam_core` and the installed command `simsiam`: the page's actions as
commands.
"""

import sys

from simsiam_core import garbage_collection
from simsiam_core.cli import main


def run() -> int:
    """Run the command line and return its exit code."""
    garbage_collection.reduce_gc_overhead()
    return main()


if __name__ == "__main__":
    sys.exit(run())
