"""Name and version of the two programs, the terminal command and the dashboard, for argparse."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import simsiam_core


def called_as(installed: str, otherwise: str) -> str:
    """Return the program's name for its usage text: the installed command's if it was started that way."""
    return installed if sys.argv and Path(sys.argv[0]).stem == installed else otherwise


def add_version(parser: argparse.ArgumentParser) -> None:
    """Add `--version` to a parser."""
    parser.add_argument(
        "--version", action="version", version=f"SimSiam dashboard {simsiam_core.__version__}"
    )
