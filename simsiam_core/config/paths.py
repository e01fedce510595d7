"""Paths that people type: absolute from the moment they are given, since jobs run in another folder."""

from __future__ import annotations

import argparse
import os
from pathlib import Path


def absolute_path(text: str) -> str:
    """Resolve `~` and a relative path against the current folder, now.

    Links are kept: a link that later leads elsewhere is followed there.
    """
    return os.path.abspath(os.path.expanduser(text))


def path_flag(text: str) -> Path:
    """Serve as the argparse type of a file or folder. An unset shell variable must not become the current folder."""
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty; give a path")
    return Path(absolute_path(text))
