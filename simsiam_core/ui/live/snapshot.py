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
from simsiam_core.runs import Recent, RunDirectory, RunStore, Status, Statuses, among
from simsiam_core.ui.live.colours import run_colours

CHECKED = (
    400  # ended runs whose files are looked at each time, in turn: of more, a change from outside shows later
)
FRESH_SECONDS = 0.9  # a page asks once a second, so it is never shown the same snapshot twice
LISTED = tuple(dict.fromkeys((KNN_ACCURACY, IMAGES_PER_SECOND, *(m.name for m in in_order() if m.column))))
T = TypeVar("T")


@dataclass(frozen=True)
class Snapshot:
    """All runs, the newest first; statuses and the ends of their records by id; what is in the queue."""

    runs: list[RunDirectory]
    by_id: Mapping[str, RunDirectory]
    statuses: Mapping[str, Status]
    recent: Mapping[str, Recent]
    running: list[str]  # ids, the newest first
    queue: list[Entry]
    groups: Mapping[str, str]  # of the runs in the queue
    colours: Mapping[str, str]  # by id
    _derived: dict[Hashable, Any] = field(default_factory=dict, compare=False)

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives, made once for all pages that ask the same of this snapshot."""
        if key not in self._derived:
            self._derived[key] = make()
        return self._derived[key]


class Snapshots:
    """Looks when asked, at most once in `FRESH_SECONDS`; only what was written since is read again.

    Of ten thousand runs, an object each costs a few milliseconds to touch. So whatever goes through all of them
    here is a copy of a dict or a comparison of lists; anything else is done for the runs that are due.
    """

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._by_id: dict[str, RunDirectory] = {}
        self._statuses = Statuses()
        self._recent: dict[str, Recent] = {}
        self._read_at: dict[str, Any] = {}  # by run: what its `Recent` depends on
        self._in_queue: set[str] = set()
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
        if runs != list(self._by_id.values()):
            self._by_id = {run.id: run for run in runs}
            self._colours = run_colours(self._by_id)
        due = self._due(runs)
        statuses = self._statuses.read(runs, due)
        ends = {run.id: self._end(run, statuses[run.id].started or 0.0) for run in due}
        self._recent = among(runs, self._recent | {run_id: end for run_id, (_, end) in ends.items()})
        self._read_at = among(
            runs, self._read_at | {run_id: depends for run_id, (depends, _) in ends.items()}
        )
        queue = queue_entries(self._store, self._by_id, statuses, [run.id for run in due])
        self._in_queue = {entry.run.id for entry in queue}
        known = self._groups
        self._groups = {
            e.run.id: known[e.run.id] if e.run.id in known else e.run.notes().group for e in queue
        }
        running = [entry.run.id for entry in queue if entry.status.state == "running"]
        return Snapshot(
            runs,
            self._by_id,
            statuses,
            self._recent,
            sorted(running, reverse=True),
            queue,
            self._groups,
            self._colours,
        )

    def _due(self, runs: Sequence[RunDirectory]) -> Sequence[RunDirectory]:
        """The runs whose files are looked at now: all after a change here, else in the queue, new, and some others."""
        self._turn += 1
        if len(runs) <= CHECKED or self._turn == 1:
            return runs
        due = self._in_queue | (self._by_id.keys() - self._recent.keys())
        due.update(run.id for run in in_turn(runs, self._turn, CHECKED))
        return [self._by_id[run_id] for run_id in due if run_id in self._by_id]

    def _end(self, run: RunDirectory, since: float) -> tuple[Any, Recent]:
        depends = run.metrics_version(), since
        unchanged = self._read_at.get(run.id) == depends
        return depends, self._recent[run.id] if unchanged else run.recent(*LISTED, since=since)


def in_turn(runs: Sequence[RunDirectory], turn: int, at_most: int) -> Sequence[RunDirectory]:
    """Return some of the runs, others at each turn, so that all are among them within as few turns as it takes."""
    turns = -(-len(runs) // at_most) or 1
    return runs[turn % turns :: turns]
