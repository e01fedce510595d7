"""The order of the queue, in SQLite: written by the one scheduler, read by anybody.

A row says that a run has a place and, once it was started, in which slot. What the run is doing stands in
its own status and nowhere else.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from simsiam_core.jobs.slots import Slot, named, needed
from simsiam_core.runs import RunDirectory, RunError, RunStore, Status
from simsiam_core.runs.files import keep_damaged

QUEUE_FILE = ".queue.sqlite"
TABLES = """
CREATE TABLE IF NOT EXISTS jobs (run TEXT PRIMARY KEY, place REAL NOT NULL, slot TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS slots (name TEXT PRIMARY KEY, gpu TEXT);
"""
DAMAGE = (  # of a file that is none of ours, cut short, read-only, or a folder
    sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_PERM, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH,
)  # fmt: skip
MAGIC = b"SQLite format 3\0"
IN_QUEUE = ("queued", "running", "paused")
T = TypeVar("T")
MOVES = ("first", "up", "down", "last")


@dataclass(frozen=True)
class Row:
    """A run's place: rows come in the order of the queue; `slot` names where it was started, one or more."""

    run: str
    slot: str


class Queue:
    """The queue of one folder of runs. Only who holds the folder's lock may write. Raises RunError.

    A file that is damaged, at the start or later, is put aside and begun anew; the scheduler fills it from the runs.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / QUEUE_FILE
        self._lock = threading.RLock()  # pages move runs while the scheduler works
        self._slots: tuple[Slot, ...] = ()
        try:
            self._db = _open(self._path)
            self._inode = _inode(self._path)
        except sqlite3.DatabaseError as error:
            self._begin_anew(error)

    def rows(self) -> list[Row]:
        """In order."""
        return self._do(_rows)

    def add(self, run_id: str) -> None:
        """At the end, unless it has a place already."""
        place = "(SELECT COALESCE(MAX(place), 0) + 1 FROM jobs)"
        self._write(f"INSERT OR IGNORE INTO jobs (run, place) VALUES (?, {place})", [(run_id,)])

    def remove(self, run_id: str) -> None:
        """Give up its place."""
        self._write("DELETE FROM jobs WHERE run = ?", [(run_id,)])

    def take(self, run_id: str, slot: str) -> None:
        """Note where it was started."""
        self._write("UPDATE jobs SET slot = ? WHERE run = ?", [(slot, run_id)])

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
            self._write("UPDATE jobs SET place = ? WHERE run = ?", list(enumerate(order)))

    def set_slots(self, slots: tuple[Slot, ...]) -> None:
        """Note where jobs may run, for those who only read."""
        self._slots = slots
        self._do(lambda db: _note_slots(db, slots))

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _write(self, statement: str, values: Sequence[tuple[Any, ...]]) -> None:
        def work(db: sqlite3.Connection) -> None:
            with _transaction(db):
                db.executemany(statement, values)

        self._do(work)

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._lock:
            try:
                if _inode(self._path) != self._inode:
                    raise sqlite3.DatabaseError("it was replaced")
                return work(self._db)
            except sqlite3.DatabaseError as error:
                self._begin_anew(error)
                return work(self._db)

    def _begin_anew(self, error: sqlite3.DatabaseError) -> None:
        """Put a damaged file aside and open another. Raises the error if the file is not to blame."""
        if not _is_damage(error):
            raise error
        with contextlib.suppress(AttributeError):  # it was never open
            self._db.close()
        try:
            kept = self._put_aside()
            self._db = _open(self._path)
            self._inode = _inode(self._path)
            _note_slots(self._db, self._slots)
        except (OSError, sqlite3.Error) as problem:
            raise RunError(f"Cannot write to the runs folder {self._path.parent}: {problem}.") from None
        what = f"was damaged ({error}) and is kept as {kept}" if kept else "is gone"
        print(f"The queue file {what}; the queue is made again from the runs.", flush=True)

    def _put_aside(self) -> str:
        """Rename what is there, its companions to names by which SQLite finds them again; returns the new name."""
        kept = keep_damaged(self._path).name if os.path.lexists(self._path) else ""
        for end in ("-wal", "-shm"):
            beside = self._path.with_name(QUEUE_FILE + end)
            with contextlib.suppress(FileNotFoundError):
                if kept:
                    beside.rename(self._path.with_name(kept + end))
                else:
                    beside.unlink()
        return kept


def _open(path: Path) -> sqlite3.Connection:
    """Open and check a queue file; a missing one is made. Raises sqlite3.DatabaseError."""
    db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
    try:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.executescript(TABLES)
        if (found := db.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(found)
        _rows(db), _slots(db)
    except sqlite3.DatabaseError:
        db.close()
        raise
    return db


def _inode(path: Path) -> int:
    """Another one, or 0, once the file was deleted, replaced or overwritten with something else."""
    try:
        with path.open("rb") as file:
            return os.fstat(file.fileno()).st_ino if file.read(len(MAGIC)) == MAGIC else 0
    except OSError:
        return 0


def _rows(db: sqlite3.Connection) -> list[Row]:
    return [Row(str(r), str(s)) for r, s in db.execute("SELECT run, slot FROM jobs ORDER BY place, run")]


def _slots(db: sqlite3.Connection) -> tuple[Slot, ...]:
    found = db.execute("SELECT name, gpu FROM slots")
    return tuple(Slot(str(name), None if gpu is None else str(gpu)) for name, gpu in found)


def _note_slots(db: sqlite3.Connection, slots: tuple[Slot, ...]) -> None:
    with _transaction(db):
        db.execute("DELETE FROM slots")
        db.executemany("INSERT INTO slots VALUES (?, ?)", [(slot.name, slot.gpu) for slot in slots])


@contextlib.contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    """Whether another file would help, as it does not against a full disk or a lock held by somebody."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
    return code & 0xFF in DAMAGE or code == sqlite3.SQLITE_IOERR_SHORT_READ


@dataclass(frozen=True)
class Entry:
    """A run in the queue as people see it: its place from 1, and why it waits or where it runs."""

    run: RunDirectory
    status: Status
    place: int
    reason: str


def read_queue(store: RunStore) -> list[Entry]:
    """The queue of a folder, for anybody and without a lock."""
    runs = store.runs()
    return queue_entries(store, runs, {run.id: run.status() for run in runs})


def queue_entries(
    store: RunStore, runs: Sequence[RunDirectory], statuses: Mapping[str, Status]
) -> list[Entry]:
    """As `read_queue`, from what was read already: all runs of the folder and their statuses by id."""
    by_id = {run.id: run for run in runs}
    if not any(status.state in IN_QUEUE for status in statuses.values()):
        return []
    rows, slots = _rows_and_slots(store.path / QUEUE_FILE)
    placed = {row.run for row in rows}
    waiting_since = sorted(statuses.items(), key=lambda item: (item[1].created, item[0]))
    rows += [
        Row(run_id, "")
        for run_id, status in waiting_since
        if status.state in IN_QUEUE and run_id not in placed
    ]
    waiting = [row for row in rows if row.run in by_id and statuses[row.run].state in IN_QUEUE]
    known = [(by_id[row.run], row) for row in waiting]
    entries: list[Entry] = []
    for run, row in known:
        reason = _reason(run, row, statuses, {r.run: r for _, r in known}, slots, entries)
        entries.append(Entry(run, statuses[run.id], len(entries) + 1, reason))
    return entries


def _rows_and_slots(path: Path) -> tuple[list[Row], tuple[Slot, ...]]:
    if not os.path.isfile(path):  # which never raises
        return [], ()
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=10)) as db:
            return _rows(db), _slots(db)
    except (
        sqlite3.DatabaseError
    ):  # it is being made at this moment, or damaged: its scheduler will make it again
        return [], ()


def _reason(
    run: RunDirectory,
    row: Row,
    statuses: Mapping[str, Status],
    rows: Mapping[str, Row],
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
