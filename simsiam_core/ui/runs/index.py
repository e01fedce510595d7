"""What is known of every run, for a list that is filtered and sorted: read once, and anew as a run changes.

Reading the settings of ten thousand runs takes a minute, so a thread reads them while the list already shows what
it has.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from simsiam_core.runs import Recent, RunDirectory, Status
from simsiam_core.ui.live.snapshot import Snapshot
from simsiam_core.ui.runs.columns import Row, first_row, row

AT_ONCE = 60  # runs whose files are read while a page waits
CHECKED = 200  # runs whose config and notes are looked at each time, in turn: a filter finds what is written outside


class RunIndex:
    """Rows by run id; what has not changed is the very same object as before."""

    def __init__(self) -> None:
        self._rows: dict[str, tuple[Status, Recent, Row]] = {}
        self._reader: threading.Thread | None = None
        self._turn = 0
        self._lock = threading.Lock()

    def rows(self, snapshot: Snapshot) -> list[Row]:
        """The rows of all runs, the newest first; some may not be complete yet."""
        return snapshot.once("rows", lambda: self._look(snapshot))

    def written(self, snapshot: Snapshot, known: Row) -> Row:
        """The row of a run that is shown, read again if its config or notes were written since, by whomever."""
        run = snapshot.by_id[known.id]
        if not _written_since(run, known):
            return known
        status, recent = snapshot.statuses[run.id], snapshot.recent[run.id]
        found = row(run, status, recent)
        with self._lock:
            self._rows[run.id] = (status, recent, found)
        return found

    def forget(self, run_id: str) -> None:
        """Its notes were written."""
        with self._lock:
            self._rows.pop(run_id, None)

    def _look(self, snapshot: Snapshot) -> list[Row]:
        with self._lock:
            rows, unread = [], list[RunDirectory]()
            turns = -(-len(snapshot.runs) // CHECKED)
            self._turn += 1
            for place, run in enumerate(snapshot.runs):
                status, recent = snapshot.statuses[run.id], snapshot.recent[run.id]
                known = self._rows.get(run.id)
                if (
                    known is not None
                    and place % turns == self._turn % turns
                    and _written_since(run, known[2])
                ):
                    known = None
                if known is None or known[0] is not status or known[1] is not recent:
                    if len(unread) < AT_ONCE:
                        known = status, recent, row(run, status, recent)
                    else:
                        known = status, recent, first_row(run, status, recent)
                    self._rows[run.id] = known
                    unread.append(run)
                rows.append(known[2])
            if len(self._rows) > len(rows):
                there = snapshot.statuses.keys()
                self._rows = {run_id: known for run_id, known in self._rows.items() if run_id in there}
        self._read_on([run for run in snapshot.runs if not self._rows[run.id][2].complete])
        return rows

    def _read_on(self, runs: Sequence[RunDirectory]) -> None:
        """Complete the rows of runs in the background, unless that is being done."""
        if runs and (self._reader is None or not self._reader.is_alive()):
            self._reader = threading.Thread(target=self._complete, args=(runs,), daemon=True)
            self._reader.start()

    def _complete(self, runs: Sequence[RunDirectory]) -> None:
        for run in runs:
            known = self._rows.get(run.id)
            if known is None or known[2].complete:
                continue
            whole = row(run, known[0], known[1])
            with self._lock:
                if self._rows.get(run.id) is known:  # it has not changed meanwhile
                    self._rows[run.id] = (known[0], known[1], whole)


def _written_since(run: RunDirectory, known: Row) -> bool:
    """Return whether the config or the notes were written since a row was read from them."""
    return known.complete and known.version != run.written_version()
