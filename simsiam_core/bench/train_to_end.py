"""Training within a measurement: what it prints is kept apart from the figures on stdout."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from simsiam_core.runs import RunDirectory
from simsiam_core.training.worker import train


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Redirect training output to standard error, which goes to the log."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


def train_to_end(run: RunDirectory) -> None:
    """Train a run in this process, with what it prints on stderr. Raises RuntimeError with what went wrong."""
    with quiet():
        code = train(run)
    if code:
        raise RuntimeError(run.status().error)
