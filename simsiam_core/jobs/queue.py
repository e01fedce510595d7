"""The order of the queue, in SQLite: written by the one scheduler, read by anybody.

A row says that a run has a place and, once it was started, in which slot. What the run is doing stands in
its own status and nowhere else.
"""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path

from simsiam_core.jobs.slots import Slot, named, needed
from simsiam_core.runs import RunDirectory, RunError, RunStore, Status

QUEUE_FILE = ".queue.sqlite"
TABLES = """
CREATE TABLE IF NOT EXISTS jobs (run TEXT PRIMARY KEY, place REAL NOT NULL, slot TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS slots (name TEXT PRIMARY KEY, gpu TEXT);
"""
IN_QUEUE = ("queued", "running", "paused")
MOVES = ("first", "up", "down", "last")


@dataclass(frozen=True)
class Row:
    """A run's place: rows come in the order of the queue; `slot` names where it was started, one or more."""

    run: str
    slot: str


class Queue:
    """The queue of one folder of runs. Only who holds the folder's lock may write."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()  # pages move runs while the scheduler works
        self._db = sqlite3.connect(
            folder / QUEUE_FILE, check_same_thread=False, isolation_level=None, timeout=10
        )
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(TABLES)

    def rows(self) -> list[Row]:
        """In order."""
        with self._lock:
            return [Row(*row) for row in self._db.execute("SELECT run, slot FROM jobs ORDER BY place, run")]

    def add(self, run_id: str) -> None:
        """At the end, unless it has a place already."""
        with self._lock:
            self._db.execute(
                "INSERT OR IGNORE INTO jobs (run, place) VALUES (?, (SELECT COALESCE(MAX(place), 0) + 1 FROM jobs))",
                (run_id,),
            )

    def remove(self, run_id: str) -> None:
        """Give up its place."""
        with self._lock:
            self._db.execute("DELETE FROM jobs WHERE run = ?", (run_id,))

    def take(self, run_id: str, slot: str) -> None:
        """Note where it was started."""
        with self._lock:
            self._db.execute("UPDATE jobs SET slot = ? WHERE run = ?", (slot, run_id))

    def move(self, run_id: str, to: str | int) -> None:
        """Put it `first`, `up`, `down` or `last`, or to a place counted from 0. Raises RunError."""
        with self._lock:
            order = [row.run for row in self.rows()]
            if run_id not in order:
                raise RunError(f"Run {run_id!r} is not in the queue.")
            now, end = order.index(run_id), len(order) - 1
            wanted = {"first": 0, "up": now - 1, "down": now + 1, "last": end}.get(str(to))
            if wanted is None:
                if not (isinstance(to, int) or str(to).isdigit()):
                    raise RunError(f"{to!r} is no place; it must be {', '.join(MOVES)} or a number.")
                wanted = int(to)
            order.remove(run_id)
            order.insert(min(max(0, wanted), end), run_id)
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("UPDATE jobs SET place = ? WHERE run = ?", list(enumerate(order)))
            self._db.execute("COMMIT")

    def set_slots(self, slots: tuple[Slot, ...]) -> None:
        """Note where jobs may run, for those who only read."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("DELETE FROM slots")
            self._db.executemany("INSERT INTO slots VALUES (?, ?)", [(slot.name, slot.gpu) for slot in slots])
            self._db.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self._db.close()


@dataclass(frozen=True)
class Entry:
    """A run in the queue as people see it: its place from 1, and why it waits or where it runs."""

    run: RunDirectory
    status: Status
    place: int
    reason: str


def read_queue(store: RunStore) -> list[Entry]:
    """The queue of a folder, for anybody and without a lock."""
    by_id = {run.id: run for run in reversed(store.runs())}
    statuses = {run_id: run.status() for run_id, run in by_id.items()}
    rows, slots = _rows_and_slots(store.path / QUEUE_FILE)
    placed = {row.run for row in rows}
    waiting_since = sorted(statuses.items(), key=lambda item: (item[1].created, item[0]))
    rows += [Row(run_id, "") for run_id, status in waiting_since if status.active and run_id not in placed]
    waiting = [row for row in rows if row.run in by_id and statuses[row.run].state in IN_QUEUE]
    known = [(by_id[row.run], row) for row in waiting]
    entries: list[Entry] = []
    for run, row in known:
        reason = _reason(run, row, statuses, {r.run: r for _, r in known}, slots, entries)
        entries.append(Entry(run, statuses[run.id], len(entries) + 1, reason))
    return entries


def _rows_and_slots(path: Path) -> tuple[list[Row], tuple[Slot, ...]]:
    if not path.is_file():
        return [], ()
    db = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=10)
    try:
        rows = [Row(*row) for row in db.execute("SELECT run, slot FROM jobs ORDER BY place, run")]
        return rows, tuple(Slot(*row) for row in db.execute("SELECT name, gpu FROM slots"))
    except sqlite3.OperationalError:  # it is being made at this moment
        return [], ()
    finally:
        db.close()


def _reason(
    run: RunDirectory,
    row: Row,
    statuses: dict[str, Status],
    rows: dict[str, Row],
    slots: tuple[Slot, ...],
    before: list[Entry],
) -> str:
    status = statuses[run.id]
    if status.state == "running":
        return f"Runs on {row.slot}." if row.slot else "Runs."
    if status.state == "paused":
        return f"Paused at step {status.step}; it keeps its place and waits for Resume."
    if not slots:
        return "Waits for a dashboard or 'queue run' to start it."
    try:
        kind, count = needed(run.config().training, slots)
    except RunError as error:
        return str(error)
    mine = [slot for slot in slots if slot.kind == kind]
    at_work = (row for row in rows.values() if statuses[row.run].state == "running")
    busy = {slot for row in at_work for slot in named(row.slot, mine)}
    ahead = sum(entry.status.state == "queued" for entry in before)
    if len(mine) - len(busy) < count:
        wanted = f"a {kind} slot" if count == 1 else f"{count} {kind} slots"
        taken = f"Waits for {wanted}: {len(busy)} of {len(mine)} taken"
        return taken + (f", and {ahead} before it." if ahead else ".")
    return f"Starts after the {ahead} before it." if ahead else "Starts in a moment."
