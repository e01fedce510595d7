"""Runs at rest: what the list says of them, read once and not at every tick of the clock."""

from __future__ import annotations

import json
from dataclasses import dataclass

from simsiam_core.runs import RunDirectory, Status

TAIL_BYTES = 256 * 1024


@dataclass(frozen=True)
class Rest:
    """A run that nothing works on: its status and its last kNN accuracy, as long as `version` is the same."""

    version: tuple[int, int]
    status: Status
    accuracy: float | None


class RestCache:
    """Statuses of all runs. One at rest costs a look at its file's time; an active one is read anew."""

    def __init__(self) -> None:
        self._known: dict[str, Rest] = {}

    def status(self, run: RunDirectory) -> Status:
        """As `run.status()`."""
        version = run.status_version()
        known = self._known.get(run.id)
        if known and known.version == version:
            return known.status
        status = run.status()
        if status.active:
            self._known.pop(run.id, None)
        else:
            self._known[run.id] = Rest(version, status, last_accuracy(run))
        return status

    def accuracy(self, run: RunDirectory) -> float | None:
        """Of a run at rest, after `status`."""
        known = self._known.get(run.id)
        return known.accuracy if known else None


def last_accuracy(run: RunDirectory) -> float | None:
    """The newest kNN accuracy near the end of the metrics, without reading all of them."""
    try:
        with run.metrics_path.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - TAIL_BYTES))
            lines = file.read().splitlines()
    except OSError:
        return None
    for line in reversed(lines):
        if b'"val/knn_accuracy"' in line:
            try:
                return float(json.loads(line)["val/knn_accuracy"])
            except (ValueError, KeyError, TypeError):
                continue  # half a line: the first of the tail, or one that is being written
    return None
