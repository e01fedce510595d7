"""A glance at the folder of runs, shared by all open pages: which there are, how each is doing, the queue."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from simsiam_core.jobs import Entry, queue_entries
from simsiam_core.metrics.train_images_per_second import IMAGES_PER_SECOND
from simsiam_core.metrics.val_knn_accuracy import KNN_ACCURACY
from simsiam_core.runs import Recent, RunDirectory, RunStore, Status, Statuses

FRESH_SECONDS = 0.9  # a page asks once a second, so it is never shown the same glance twice
LISTED = (KNN_ACCURACY, IMAGES_PER_SECOND)  # the metrics that the list of runs shows
T = TypeVar("T")


@dataclass(frozen=True)
class Glance:
    """All runs, the newest first; statuses and the ends of their records by id; what is in the queue."""

    runs: list[RunDirectory]
    statuses: Mapping[str, Status]
    recent: Mapping[str, Recent]
    queue: list[Entry]
    groups: Mapping[str, str]  # of the runs in the queue
    _derived: dict[Hashable, Any] = field(default_factory=dict, compare=False)

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives, made once for all pages that ask the same of this glance."""
        if key not in self._derived:
            self._derived[key] = make()
        return self._derived[key]


class Glances:
    """Looks when asked, at most once in `FRESH_SECONDS`; only what was written since is read again."""

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._statuses = Statuses()
        self._recent: dict[str, tuple[Any, Recent]] = {}  # with what it depends on
        self._last: tuple[float, Glance] | None = None
        self._lock = threading.Lock()

    def look(self) -> Glance:
        """The folder as it is, or was less than a second ago."""
        with self._lock:
            if self._last is None or time.monotonic() - self._last[0] > FRESH_SECONDS:
                self._last = time.monotonic(), self._look()
            return self._last[1]

    def forget(self) -> None:
        """Something was changed from a page, which wants to see it at once."""
        with self._lock:
            self._last = None

    def _look(self) -> Glance:
        runs = self._store.runs()
        statuses = self._statuses.read(runs)
        self._recent = {run.id: self._end(run, statuses[run.id].started or 0.0) for run in runs}
        recent = {run_id: end for run_id, (_, end) in self._recent.items()}
        queue = queue_entries(self._store, runs, statuses)
        groups = {entry.run.id: entry.run.notes().group for entry in queue}
        return Glance(runs, statuses, recent, queue, groups)

    def _end(self, run: RunDirectory, since: float) -> tuple[Any, Recent]:
        depends, known = (run.metrics_version(), since), self._recent.get(run.id)
        return known if known and known[0] == depends else (depends, run.recent(*LISTED, since=since))
