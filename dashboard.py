"""The dashboard: `python dashboard.py`, then open the address it prints."""

import sys

from simsiam_core.ui.server import run

if __name__ == "__main__":
    sys.exit(run())
