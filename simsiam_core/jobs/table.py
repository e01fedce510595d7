"""The queue's SQLite table of job order and assigned slots: `.queue.sqlite` in the folder of runs.

A row holds a job's place and, once it was started, its slots. The job's state is stored only in its own
status. Only the holder of the folder's lock writes; any process may read. The table uses a rollback journal,
since the folder may be on a shared file system, where a write-ahead log does not work.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from simsiam_core.jobs.slots import Slot
from simsiam_core.runs import RunError
from simsiam_core.runs.files import keep_damaged

QUEUE_FILE = ".queue.sqlite"
BUSY_SECONDS = 10.0  # wait for another reader or writer
# `id` is the id of an evaluation, or empty for the training of the run itself.
JOBS = """CREATE TABLE IF NOT EXISTS jobs (
    kind TEXT NOT NULL DEFAULT 'training', run TEXT NOT NULL, id TEXT NOT NULL DEFAULT '',
    place REAL NOT NULL, slot TEXT NOT NULL DEFAULT '', PRIMARY KEY (run, id))"""
SLOTS = "CREATE TABLE IF NOT EXISTS slots (name TEXT PRIMARY KEY, gpu TEXT)"
DAMAGE = (  # of a foreign, truncated or read-only file, or a folder
    sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_PERM, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH,
)  # fmt: skip
COMPANIONS = ("-journal", "-wal", "-shm")  # suffixes of files that SQLite keeps beside a database
MOVES = ("first", "up", "down", "last")
T = TypeVar("T")


class QueueFileError(RunError):
    """A temporary failure to read or write the queue file, such as a full disk; retried later."""


@dataclass(frozen=True)
class Row:
    """A row of the table, kept in queue order. `slot` names the one or more slots the job was started in."""

    run: str
    id: str = ""
    kind: str = "training"
    slot: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """The primary key of the job."""
        return self.run, self.id


class JobTable:
    """The table of one folder of runs, for the holder of its lock. Every method may raise QueueFileError.

    A damaged file, at the start or later, is renamed and a new one created; the owner refills it from the
    runs.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / QUEUE_FILE
        self._lock = threading.RLock()  # pages move runs while the scheduler runs
        self._slots: tuple[Slot, ...] = ()
        self._db: sqlite3.Connection | None = None
        self.times_begun = int(not os.path.lexists(self._path))  # incremented whenever the table is recreated
        try:
            self._db = _open(self._path)
            self._version = _version(self._path)
        except sqlite3.DatabaseError as error:
            self._begin_anew(error)

    def rows(self) -> list[Row]:
        """Return all rows in queue order."""
        return self._do(_rows)

    def change(self, *, add: Iterable[Row] = (), remove: Iterable[Row] = ()) -> None:
        """Remove rows, then append others unless they are already in the table."""
        added = [(row.kind, row.run, row.id, row.slot) for row in add]
        removed = [row.key for row in remove]
        if added or removed:
            place = "(SELECT COALESCE(MAX(place), 0) + 1 FROM jobs)"
            columns = f"(kind, run, id, slot, place) VALUES (?, ?, ?, ?, {place})"
            self._write(
                ("DELETE FROM jobs WHERE run = ? AND id = ?", removed),
                (f"INSERT OR IGNORE INTO jobs {columns}", added),
            )

    def assign(self, row: Row, slot: str) -> None:
        """Record the slots in which a job was started."""
        self._write(("UPDATE jobs SET slot = ? WHERE run = ? AND id = ?", [(slot, *row.key)]))

    def move(self, run_id: str, to: str | int) -> None:
        """Put a run `first`, `up`, `down` or `last` among the runs, or to a place from 0. Raises RunError."""
        with self._lock:
            order = [row.run for row in self.rows() if not row.id]
            if run_id not in order:
                raise RunError(f"Run {run_id!r} is not in the queue.")
            now, end = order.index(run_id), len(order) - 1
            place = {"first": 0, "up": now - 1, "down": now + 1, "last": end}.get(str(to))
            if place is None:
                if not (isinstance(to, int) or str(to).isdecimal()):
                    raise RunError(f"{to!r} is no place; it must be {', '.join(MOVES)} or a number.")
                place = int(to)
            order.remove(run_id)
            order.insert(min(max(0, place), end), run_id)
            self._write(("UPDATE jobs SET place = ? WHERE run = ? AND id = ''", list(enumerate(order))))

    def set_slots(self, slots: tuple[Slot, ...]) -> None:
        """Store the available slots, for processes that only read the table."""
        self._slots = slots
        self._do(lambda db: _write_slots(db, slots))

    def close(self) -> None:
        """Close the file."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _write(self, *statements: tuple[str, Sequence[tuple[Any, ...]]]) -> None:
        def work(db: sqlite3.Connection) -> None:
            with _transaction(db):
                for statement, values in statements:
                    db.executemany(statement, values)

        self._do(work)

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._lock:
            try:
                result = work(self._current())
            except sqlite3.DatabaseError as error:
                result = work(self._begin_anew(error))
            self._version = _version(self._path)
            return result

    def _current(self) -> sqlite3.Connection:
        """Return the connection, reopened and checked if another process changed the file. Raises
        DatabaseError.
        """
        if self._db is None or _version(self._path) != self._version:
            self.close()
            if not os.path.lexists(self._path):
                raise sqlite3.DatabaseError("it is gone")
            self._db = _open(self._path)
        return self._db

    def _begin_anew(self, error: sqlite3.DatabaseError) -> sqlite3.Connection:
        """Rename a damaged file and create a new one. Raises QueueFileError if the error has other causes."""
        if not _is_damage(error):
            raise QueueFileError(f"{self._path} cannot be read or written: {error}.") from error
        self.close()
        try:
            kept = self._put_aside()
            self._db = _open(self._path)
            _write_slots(self._db, self._slots)
        except (OSError, sqlite3.Error) as problem:
            raise QueueFileError(f"Cannot write to the runs folder {self._path.parent}: {problem}.") from None
        self._version = _version(self._path)
        self.times_begun += 1
        what = f"was damaged ({error}) and is kept as {kept}" if kept else "is gone"
        print(f"The queue file {what}; the queue is made again from the runs.", flush=True)
        return self._db

    def _put_aside(self) -> str:
        """Rename the file, and its companions so that SQLite still finds them; returns the new name."""
        kept = keep_damaged(self._path).name if os.path.lexists(self._path) else ""
        for end in COMPANIONS:
            companion = self._path.with_name(QUEUE_FILE + end)
            with contextlib.suppress(FileNotFoundError):
                if kept:
                    companion.rename(self._path.with_name(kept + end))
                else:
                    companion.unlink()
        return kept


def read_table(folder: Path) -> tuple[list[Row], tuple[Slot, ...]]:
    """Return the rows in queue order and the slots, without taking the lock; both empty if unreadable."""
    path = folder / QUEUE_FILE
    if not os.path.isfile(path):  # never raises
        return [], ()
    try:
        address = f"{path.as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS)) as db:
            return _rows(db), _read_slots(db)
    except sqlite3.DatabaseError:  # being created, or damaged: the next scheduler recreates it
        return [], ()


def _open(path: Path) -> sqlite3.Connection:
    """Open or create a file, migrate it from version 0.1 and check it. Raises DatabaseError."""
    db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=BUSY_SECONDS)
    try:
        _use_rollback_journal(db)
        with _transaction(db):
            if earlier := _is_of_version_0_1(db):
                db.execute("ALTER TABLE jobs RENAME TO earlier")
            db.execute(JOBS)
            db.execute(SLOTS)
            if earlier:
                db.execute("INSERT INTO jobs (run, place, slot) SELECT run, place, slot FROM earlier")
                db.execute("DROP TABLE earlier")
        if (found := db.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(found)
        _rows(db), _read_slots(db)
    except sqlite3.DatabaseError:
        db.close()
        raise
    return db


def _use_rollback_journal(db: sqlite3.Connection) -> None:
    """Switch a file of version 0.1 from its write-ahead log; deferred to the next start if it is in use."""
    try:
        db.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.OperationalError as error:
        if _is_damage(error):
            raise


def _is_of_version_0_1(db: sqlite3.Connection) -> bool:
    """Return whether the file has version 0.1's columns; it is readable as is, and converted on opening to
    write.
    """
    columns = {name for (name,) in db.execute("SELECT name FROM pragma_table_info('jobs')")}
    return columns == {"run", "place", "slot"}


def _rows(db: sqlite3.Connection) -> list[Row]:
    columns = "run, '', 'training', slot" if _is_of_version_0_1(db) else "run, id, kind, slot"
    return [Row(*map(str, row)) for row in db.execute(f"SELECT {columns} FROM jobs ORDER BY place, 1, 2")]


def _read_slots(db: sqlite3.Connection) -> tuple[Slot, ...]:
    found = db.execute("SELECT name, gpu FROM slots")
    return tuple(Slot(str(name), None if gpu is None else str(gpu)) for name, gpu in found)


def _write_slots(db: sqlite3.Connection, slots: tuple[Slot, ...]) -> None:
    with _transaction(db):
        db.execute("DELETE FROM slots")
        db.executemany("INSERT INTO slots VALUES (?, ?)", [(slot.name, slot.gpu) for slot in slots])


@contextlib.contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Run the block as one transaction, rolled back also if the commit fails (a reader, a full disk)."""
    with db:
        db.execute("BEGIN IMMEDIATE")
        yield


def _version(path: Path) -> tuple[int, int, int]:
    """Return a value that changes when the file is written, replaced or deleted. Does not open the file:
    closing it would release the locks that SQLite holds on it in this process.
    """
    try:
        stat = path.stat()
    except OSError:
        return (0, 0, 0)
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    """Return whether recreating the file would help, unlike with a full disk or a lock held elsewhere."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
    return code & 0xFF in DAMAGE or code == sqlite3.SQLITE_IOERR_SHORT_READ
