"""The queue of one folder of runs: updates the table from the statuses, and serves requests.

For the holder of the folder's lock: the scheduler, or briefly a command in a terminal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from simsiam_core.jobs.earlier_version import take_over
from simsiam_core.jobs.kinds import KINDS, JobKind
from simsiam_core.jobs.requests import MoveRequest, Request, RequestReader
from simsiam_core.jobs.table import JobTable, Row
from simsiam_core.runs import ACTIVE, RunDirectory, RunError, RunStore, Status, Statuses
from simsiam_core.runs.evaluations import evaluations
from simsiam_core.runs.placement import Placement, read_placement

LOCK_FILE = ".server.lock"  # in the folder of runs


@dataclass(frozen=True)
class Job:
    """A job in the queue, with its status at the last refresh."""

    row: Row
    kind: JobKind
    directory: RunDirectory
    status: Status
    placement: Placement


class Queue:
    """The runs, statuses and jobs of a folder as of the last `refresh`."""

    def __init__(self, store: RunStore) -> None:
        self._store, self._reader = store, Statuses()
        self.table = JobTable(store.path)
        self.requests = RequestReader(store.path)
        self.runs: dict[str, RunDirectory] = {}
        self.statuses: dict[str, Status] = {}
        self.jobs: list[Job] = []  # in start order
        self._searched: set[str] = set()  # runs whose evaluations were listed
        self._times_begun = 0
        take_over(store, self.table)

    def refresh(self) -> None:
        """Read the statuses, update the table to match, and act on requests."""
        self.runs = {run.id: run for run in self._store.runs()}
        self.statuses = self._reader.read(self.runs.values())
        rows = [row for row in self.table.rows() if row.kind in KINDS]  # skip those of a later version
        kept = {job.row.key for job in self._jobs(rows)}
        gone = [row for row in rows if row.key not in kept]
        times_begun = self.table.times_begun
        anew = times_begun != self._times_begun
        new = [*self._unlisted_evaluations(anew), *self._new_runs(kept)]
        self.table.change(add=new, remove=gone)
        self._times_begun, self._searched = times_begun, set(self.runs)
        self.requests.act(self._act)
        jobs = list(self._jobs(self.table.rows()))
        self.jobs = [job for kind in KINDS.values() for job in jobs if job.kind is kind]

    def move(self, run_id: str, to: str | int) -> None:
        """Change a run's place; see `JobTable.move`. Raises RunError."""
        self.table.move(run_id, to)

    def close(self) -> None:
        """Close the table."""
        self.table.close()

    def _jobs(self, rows: Iterable[Row]) -> Iterator[Job]:
        """Yield the jobs of the rows that still belong in the queue."""
        for row in rows:
            kind, run = KINDS.get(row.kind), self.runs.get(row.run)
            if kind is None or run is None:
                continue
            try:
                directory = kind.find(run, row.id)
            except RunError:  # deleted in the meantime
                continue
            status = directory.status() if row.id else self.statuses[run.id]
            if status.state in kind.in_queue:
                yield Job(row, kind, directory, status, read_placement(directory.path))

    def _new_runs(self, kept: set[tuple[str, str]]) -> Iterator[Row]:
        """Yield rows for runs without a place: new ones, or those older than the table.

        Sorted by creation time: ids of the same second differ only in a random part.
        """
        in_queue = KINDS["training"].in_queue
        new = (
            (status.created, run_id)
            for run_id, status in self.statuses.items()
            if status.state in in_queue and (run_id, "") not in kept
        )
        yield from (Row(run_id) for _, run_id in sorted(new))

    def _unlisted_evaluations(self, anew: bool) -> list[Row]:
        """Return rows for evaluations queued in runs not seen before: their request may never have been
        written, or the run was in the trash. After the table was recreated (`anew`), of all runs, and running
        ones too.
        """
        states = ACTIVE if anew else frozenset({"queued"})
        new = [
            Row(run.id, job.id, "evaluation")
            for run in self.runs.values()
            if anew or run.id not in self._searched
            for job in evaluations(run)
            if job.status().state in states
        ]
        return sorted(new, key=lambda row: row.id)  # oldest first

    def _act(self, request: Request) -> None:
        if isinstance(request, MoveRequest):
            self.move(request.run, request.to)
            return
        run = self.runs.get(request.run)
        if run is None:
            raise RunError(f"There is no run {request.run!r} in {self._store.path} any more.")
        row = Row(run.id, request.evaluation, "evaluation")
        if KINDS[row.kind].find(run, row.id).status().state == "queued":  # else it has started or ended
            self.table.change(add=[row])
