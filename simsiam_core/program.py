"""What the two programs, the terminal and the dashboard, say of themselves: name and version."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import simsiam_core


def called_as(installed: str, otherwise: str) -> str:
    """Return the program's name for its usage text: that of the installed command if it was started so."""
    return installed if sys.argv and Path(sys.argv[0]).stem == installed else otherwise


def add_version(parser: argparse.ArgumentParser) -> None:
    """Add `--version`."""
    parser.add_argument(
        "--version", action="version", version=f"SimSiam dashboard {simsiam_core.__version__}"
    )
