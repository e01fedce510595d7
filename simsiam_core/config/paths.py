"""User-supplied paths, made absolute as soon as they are given, since jobs run in another folder."""

from __future__ import annotations

import argparse
import os
from pathlib import Path


def absolute_path(text: str) -> str:
    """Expand `~` and resolve a relative path against the current folder, now.

    Symbolic links are kept: if a link is later changed, its new target is used.
    """
    return os.path.abspath(os.path.expanduser(text))


def path_flag(text: str) -> Path:
    """Convert a command-line value to a path, as an argparse type.

    Rejects an empty value: an unset shell variable must not become the current folder.
    """
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty; give a path")
    return Path(absolute_path(text))
