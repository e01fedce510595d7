"""Cached statuses of many runs for polling: an unchanged status costs one stat call."""

from __future__ import annotations

from collections.abc import Iterable

from simsiam_core.runs.directory import RunDirectory
from simsiam_core.runs.status import Status


class Statuses:
    """A cache of `run.status()`, refreshed when the file was written or the process has died."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[int, int], Status]] = {}

    def read(self, runs: Iterable[RunDirectory]) -> dict[str, Status]:
        """Return the statuses of these runs by id, and drop all others from the cache."""
        self._known = {run.id: self._one(run) for run in runs}
        return {run_id: status for run_id, (_, status) in self._known.items()}

    def _one(self, run: RunDirectory) -> tuple[tuple[int, int], Status]:
        version, known = run.status_version(), self._known.get(run.id)
        if known and known[0] == version and (known[1].state != "running" or run.has_live_process(known[1])):
            return known
        return version, run.status()
