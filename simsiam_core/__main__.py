"""`python -m simsiam_core`: the same actions as the page, without a browser."""

import sys

from simsiam_core import collector
from simsiam_core.cli import main

if __name__ == "__main__":
    collector.relieve()
    sys.exit(main())
