"""Training of a run within a measurement: its output is kept apart from the figures on stdout."""

from __future__ import annotations

import contextlib
import sys

from simsiam_core.runs import RunDirectory
from simsiam_core.training.worker import train


def train_to_end(run: RunDirectory) -> None:
    """Train a run in this process, with what it prints on stderr. Raises RuntimeError with what went wrong."""
    with contextlib.redirect_stdout(sys.stderr):
        code = train(run)
    if code:
        raise RuntimeError(run.status().error)
