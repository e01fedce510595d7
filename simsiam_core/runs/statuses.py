"""Cached statuses of many runs for polling: an unchanged status costs one stat call."""

from __future__ import annotations

from collections.abc import Container, Iterable

from simsiam_core.runs.directory import RunDirectory
from simsiam_core.runs.status import Status


class Statuses:
    """A cache of `run.status()`, refreshed when the file was written or the process has died."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[int, int], Status]] = {}

    def read(self, runs: Iterable[RunDirectory], resting: Container[str] = ()) -> dict[str, Status]:
        """Return the statuses of these runs by id, and drop all others from the cache.

        A known one of a run in `resting` is taken as it is, unless the run is running or queued.
        """
        known = self._known
        self._known = {
            run.id: known[run.id]
            if run.id in resting and run.id in known and not known[run.id][1].active
            else self._one(run)
            for run in runs
        }
        return {run_id: status for run_id, (_, status) in self._known.items()}

    def _one(self, run: RunDirectory) -> tuple[tuple[int, int], Status]:
        version, known = run.status_version(), self._known.get(run.id)
        if known and known[0] == version and (known[1].state != "running" or run.has_live_process(known[1])):
            return known
        return version, run.status()
