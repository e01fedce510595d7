"""The statuses of many runs, read over and over: what is unchanged costs a look at a file's time."""

from __future__ import annotations

from collections.abc import Iterable

from simsiam_core.runs.directory import RunDirectory
from simsiam_core.runs.status import Status


class Statuses:
    """As `run.status()` for each, read again when it was written or its process has died without writing."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[int, int], Status]] = {}

    def read(self, runs: Iterable[RunDirectory]) -> dict[str, Status]:
        """By id, of these runs; others are forgotten."""
        self._known = {run.id: self._one(run) for run in runs}
        return {run_id: status for run_id, (_, status) in self._known.items()}

    def _one(self, run: RunDirectory) -> tuple[tuple[int, int], Status]:
        version, known = run.status_version(), self._known.get(run.id)
        if known and known[0] == version and (known[1].state != "running" or run.has_live_process(known[1])):
            return known
        return version, run.status()
