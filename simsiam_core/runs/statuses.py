"""Cached statuses of many runs for polling: an unchanged status costs one stat call."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TypeVar

from simsiam_core.runs.directory import RunDirectory
from simsiam_core.runs.status import Status

T = TypeVar("T")


class Statuses:
    """A cache of `run.status()`, refreshed when the file was written or the process has died."""

    def __init__(self) -> None:
        self._known: dict[str, Status] = {}
        self._versions: dict[str, tuple[int, int]] = {}

    def read(
        self, runs: Collection[RunDirectory], due: Iterable[RunDirectory] | None = None
    ) -> dict[str, Status]:
        """Return the statuses of these runs by id, and drop all others from the cache.

        Only the files of the runs that are `due` are looked at, if given; all others must have been read before.
        """
        read = {run.id: self._one(run) for run in (runs if due is None else due)}
        self._known = among(runs, self._known | {run_id: status for run_id, (_, status) in read.items()})
        self._versions = among(runs, self._versions | {run_id: at for run_id, (at, _) in read.items()})
        return self._known

    def _one(self, run: RunDirectory) -> tuple[tuple[int, int], Status]:
        version, known = run.status_version(), self._known.get(run.id)
        unchanged = known and self._versions[run.id] == version
        if known and unchanged and (known.state != "running" or run.has_live_process(known)):
            return version, known
        return version, run.status()


def among(runs: Collection[RunDirectory], found: dict[str, T]) -> dict[str, T]:
    """Return what was found for these runs, by id, without that of others: of all runs, something was found."""
    return found if len(found) == len(runs) else {run.id: found[run.id] for run in runs}
