"""What is known of every run, for a list that is filtered and sorted: read once, and anew as a run changes.

Reading the settings of ten thousand runs takes a minute, so a thread reads them while the list already shows what
it has.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from simsiam_core.runs import Recent, RunDirectory, Status
from simsiam_core.ui.live.snapshot import Snapshot, in_turn
from simsiam_core.ui.runs.columns import Row, first_row, row

AT_ONCE = 60  # runs whose files are read while a page waits
CHECKED = 200  # runs whose config and notes are looked at each time, in turn: a filter finds what is written outside


@dataclass(frozen=True)
class Known:
    """The rows of all runs, the newest first; of `unread` of them, settings and notes are still being read."""

    rows: Sequence[Row]
    unread: int


class RunIndex:
    """Rows by run id; what has not changed is the very same object as before."""

    def __init__(self) -> None:
        self._rows: dict[str, Row] = {}
        self._statuses: Mapping[str, Status] = {}  # and what else the rows were made from
        self._recent: Mapping[str, Recent] = {}
        self._incomplete: set[str] = set()
        self._reader: threading.Thread | None = None
        self._turn = 0
        self._lock = threading.Lock()

    def known(self, snapshot: Snapshot) -> Known:
        """What is known of all runs by now."""
        return snapshot.once("rows", lambda: self._look(snapshot))

    def written(self, snapshot: Snapshot, known: Row) -> Row:
        """The row of a run that is shown, read again if its config or notes were written since, by whomever."""
        run = snapshot.by_id[known.id]
        if not _written_since(run, known):
            return known
        found = row(run, snapshot.statuses[run.id], snapshot.recent[run.id])
        self._replace(known, found)
        return found

    def forget(self, run_id: str) -> None:
        """Its notes were written."""
        with self._lock:
            self._rows.pop(run_id, None)
            self._incomplete.discard(run_id)

    def _look(self, snapshot: Snapshot) -> Known:
        with self._lock:
            self._drop_written(snapshot.runs)
            for number, run_id in enumerate(self._changed(snapshot)):
                make = row if number < AT_ONCE else first_row
                self._put(make(snapshot.by_id[run_id], snapshot.statuses[run_id], snapshot.recent[run_id]))
            self._statuses, self._recent = snapshot.statuses, snapshot.recent
            if len(self._rows) != len(snapshot.runs):
                self._rows = {run_id: self._rows[run_id] for run_id in snapshot.by_id}
                self._incomplete.intersection_update(snapshot.by_id)
            rows, incomplete = [self._rows[run_id] for run_id in snapshot.by_id], set(self._incomplete)
        self._read_on([snapshot.by_id[run_id] for run_id in sorted(incomplete, reverse=True)])
        return Known(rows, len(incomplete))

    def _changed(self, snapshot: Snapshot) -> list[str]:
        """The runs whose rows are not what the snapshot says, the newest first."""
        rows, status, recent = self._rows, self._statuses.get, self._recent.get
        changed = {run_id for run_id, now in snapshot.statuses.items() if status(run_id) is not now}
        changed |= {run_id for run_id, now in snapshot.recent.items() if recent(run_id) is not now}
        return sorted(changed | (snapshot.by_id.keys() - rows.keys()), reverse=True)

    def _drop_written(self, runs: Sequence[RunDirectory]) -> None:
        """Drop the rows of some runs, in turn, whose config or notes were written since they were read."""
        self._turn += 1
        for run in in_turn(runs, self._turn, CHECKED):
            known = self._rows.get(run.id)
            if known is not None and _written_since(run, known):
                del self._rows[run.id]

    def _read_on(self, runs: Sequence[RunDirectory]) -> None:
        """Complete the rows of runs in the background, unless that is being done."""
        if runs and (self._reader is None or not self._reader.is_alive()):
            self._reader = threading.Thread(target=self._complete, args=(runs,), daemon=True)
            self._reader.start()

    def _complete(self, runs: Sequence[RunDirectory]) -> None:
        for run in runs:
            with self._lock:
                if run.id not in self._incomplete or (known := self._rows.get(run.id)) is None:
                    continue
                status, recent = self._statuses[run.id], self._recent[run.id]
            self._replace(known, row(run, status, recent))

    def _replace(self, known: Row, found: Row) -> None:
        """Put a row in the place of another one, unless that has changed meanwhile."""
        with self._lock:
            if self._rows.get(known.id) is known:
                self._put(found)

    def _put(self, found: Row) -> None:
        self._rows[found.id] = found
        (self._incomplete.discard if found.complete else self._incomplete.add)(found.id)


def _written_since(run: RunDirectory, known: Row) -> bool:
    """Return whether the config or the notes were written since a row was read from them."""
    return known.complete and known.version != run.written_version()
