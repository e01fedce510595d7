"""A snapshot of the folder of runs, shared by all open pages: which there are, how each is doing, the queue."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from simsiam_core.jobs import Entry, queue_entries
from simsiam_core.metrics import in_order
from simsiam_core.metrics.train_images_per_second import IMAGES_PER_SECOND
from simsiam_core.metrics.val_knn_accuracy import KNN_ACCURACY
from simsiam_core.runs import Recent, RunDirectory, RunStore, Status, Statuses
from simsiam_core.ui.live.colours import run_colours

CHECKED = 1000  # ended runs whose files are looked at each time, in turn: of more, a change from outside shows later
FRESH_SECONDS = 0.9  # a page asks once a second, so it is never shown the same snapshot twice
LISTED = tuple(dict.fromkeys((KNN_ACCURACY, IMAGES_PER_SECOND, *(m.name for m in in_order() if m.column))))
T = TypeVar("T")


@dataclass(frozen=True)
class Snapshot:
    """All runs, the newest first; statuses and the ends of their records by id; what is in the queue."""

    runs: list[RunDirectory]
    statuses: Mapping[str, Status]
    recent: Mapping[str, Recent]
    queue: list[Entry]
    groups: Mapping[str, str]  # of the runs in the queue
    colours: Mapping[str, str]  # by id
    by_id: Mapping[str, RunDirectory]
    _derived: dict[Hashable, Any] = field(default_factory=dict, compare=False)

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives, made once for all pages that ask the same of this snapshot."""
        if key not in self._derived:
            self._derived[key] = make()
        return self._derived[key]


class Snapshots:
    """Looks when asked, at most once in `FRESH_SECONDS`; only what was written since is read again."""

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._statuses = Statuses()
        self._recent: dict[str, tuple[Any, Recent]] = {}  # with what it depends on
        self._last: tuple[float, Snapshot] | None = None
        self._colours: dict[str, str] = {}
        self._groups: dict[str, str] = {}  # of runs in the queue, which are given at their creation
        self._turn = 0
        self._lock = threading.Lock()

    def look(self) -> Snapshot:
        """The folder as it is, or was less than a second ago."""
        with self._lock:
            if self._last is None or time.monotonic() - self._last[0] > FRESH_SECONDS:
                self._last = time.monotonic(), self._look()
            return self._last[1]

    def forget(self) -> None:
        """Something was changed from a page, which wants to see it at once."""
        with self._lock:
            self._last = None
            self._turn = 0

    def _look(self) -> Snapshot:
        runs = self._store.runs()
        resting = self._resting(runs)
        statuses = self._statuses.read(runs, resting)
        self._recent = {
            run.id: self._recent[run.id]
            if run.id in resting and run.id in self._recent and not statuses[run.id].active
            else self._end(run, statuses[run.id].started or 0.0)
            for run in runs
        }
        recent = {run_id: end for run_id, (_, end) in self._recent.items()}
        queue = queue_entries(self._store, runs, statuses)
        known = self._groups
        self._groups = {
            e.run.id: known[e.run.id] if e.run.id in known else e.run.notes().group for e in queue
        }
        if self._colours.keys() != statuses.keys():
            self._colours = run_colours(statuses)
        return Snapshot(
            runs, statuses, recent, queue, self._groups, self._colours, {run.id: run for run in runs}
        )

    def _resting(self, runs: Sequence[RunDirectory]) -> frozenset[str]:
        """The runs whose files are not looked at this time, as long as they have ended; none after a change here."""
        turns = -(-len(runs) // CHECKED)
        self._turn += 1
        if turns < 2 or self._turn == 1:
            return frozenset()
        return frozenset(run.id for place, run in enumerate(runs) if place % turns != self._turn % turns)

    def _end(self, run: RunDirectory, since: float) -> tuple[Any, Recent]:
        depends, known = (run.metrics_version(), since), self._recent.get(run.id)
        return known if known and known[0] == depends else (depends, run.recent(*LISTED, since=since))
