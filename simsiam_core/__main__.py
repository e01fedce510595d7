"""`python -m simsiam_core`: the same actions as the page, without a browser."""

import sys

from simsiam_core import garbage_collection
from simsiam_core.cli import main

if __name__ == "__main__":
    garbage_collection.reduce_gc_overhead()
    sys.exit(main())
