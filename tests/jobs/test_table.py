"""The table of places and slots: taken over from version 0.1, read while it is written, whole after a kill."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from earlier import write_queue

from simsiam_core.jobs.slots import Slot
from simsiam_core.jobs.table import QUEUE_FILE, JobTable, QueueFileError, Row, read_table
from simsiam_core.runs import RunError

ROWS = [Row("a", slot="CPU 1"), Row("b", "b-1", "evaluation"), Row("b")]


def journal_mode(folder: Path) -> str:
    db = sqlite3.connect(folder / QUEUE_FILE)
    (mode,) = db.execute("PRAGMA journal_mode").fetchone()
    db.close()
    return mode


@pytest.mark.parametrize("killed", [False, True], ids=["closed", "killed"])
def test_that_of_version_0_1_keeps_order_and_slots(tmp_path: Path, killed: bool) -> None:
    """A killed scheduler leaves its last rows in the write-ahead log."""
    write_queue(tmp_path, ["c", "a", "b"], {"a": "GPU 0, GPU 1"}, killed=killed)
    expected = [Row("c"), Row("a", slot="GPU 0, GPU 1"), Row("b")], (Slot("GPU 0", "GPU-a"), Slot("CPU 1"))
    assert read_table(tmp_path) == expected, "by those who only look, before it is converted"
    with closing(JobTable(tmp_path)) as table:
        assert (table.rows(), table.times_begun) == (expected[0], 0)
        table.move("b", "first")
    assert read_table(tmp_path)[0] == [Row("b"), Row("c"), Row("a", slot="GPU 0, GPU 1")]
    assert journal_mode(tmp_path) == "delete"
    assert [path.name for path in tmp_path.iterdir()] == [QUEUE_FILE]
    db = sqlite3.connect(tmp_path / QUEUE_FILE)  # as version 0.1 reads it
    assert [run for run, _ in db.execute("SELECT run, slot FROM jobs ORDER BY place, run")] == ["b", "c", "a"]
    db.close()


def test_that_of_version_0_1_is_taken_over_while_somebody_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page of version 0.1 that only looks keeps the write-ahead log in use; it goes at the next start."""
    monkeypatch.setattr("simsiam_core.jobs.table.BUSY_SECONDS", 0.05)
    write_queue(tmp_path, ["b", "a"], {})
    reader = sqlite3.connect(tmp_path / QUEUE_FILE, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM jobs").fetchall()
    with closing(JobTable(tmp_path)) as table:
        assert table.rows() == [Row("b"), Row("a")]
        table.change(add=[Row("c")])
        assert table.rows() == [Row("b"), Row("a"), Row("c")]
        assert table.times_begun == 0
    reader.close()
    with closing(JobTable(tmp_path)) as table:
        assert table.rows() == [Row("b"), Row("a"), Row("c")]
    assert journal_mode(tmp_path) == "delete"


def test_rows_keep_their_order_and_are_added_once(tmp_path: Path) -> None:
    with closing(JobTable(tmp_path)) as table:
        table.change(add=ROWS)
        table.change(add=[Row("b"), Row("c")], remove=[Row("a")])
        table.change(add=[Row("a")])
        assert table.rows() == [*ROWS[1:], Row("c"), Row("a")]
        table.assign(Row("b"), "CPU 1")
        table.move("c", "first")
        assert [row.run for row in table.rows() if not row.id] == ["c", "b", "a"]
        assert Row("b", slot="CPU 1") in table.rows()
        with pytest.raises(RunError, match="not in the queue"):
            table.move("d", "first")


def test_it_is_read_while_it_is_written(tmp_path: Path) -> None:
    """Nobody who reads locks the scheduler out, or meets half a change."""
    seen: list[int] = []
    with closing(JobTable(tmp_path)) as table:
        table.change(add=ROWS)
        done = threading.Event()

        def read() -> None:
            while not done.is_set():
                seen.append(len(read_table(tmp_path)[0]))

        threads = [threading.Thread(target=read) for _ in range(2)]
        for thread in threads:
            thread.start()
        for number in range(20):
            table.change(add=[Row("c"), Row("d")], remove=[Row("a")])
            table.change(add=[Row("a", slot=str(number))], remove=[Row("c"), Row("d")])
        done.set()
        for thread in threads:
            thread.join()
    assert set(seen) <= {3, 4}


def test_it_is_whole_after_its_writer_was_killed_in_the_middle(tmp_path: Path) -> None:
    with closing(JobTable(tmp_path)) as table:
        table.change(add=ROWS)
    db = sqlite3.connect(tmp_path / QUEUE_FILE, isolation_level=None)
    db.execute("PRAGMA cache_size = 1")  # so that half a change gets to the disk
    db.execute("BEGIN IMMEDIATE")
    db.execute("DELETE FROM jobs")
    db.executemany("INSERT INTO jobs (run, place) VALUES (?, ?)", [(f"x{n}" * 20, n) for n in range(500)])
    killed = tmp_path / "killed"
    killed.mkdir()
    for path in tmp_path.glob(f"{QUEUE_FILE}*"):
        shutil.copyfile(path, killed / path.name)
    db.close()
    assert (killed / f"{QUEUE_FILE}-journal").stat().st_size > 512
    assert read_table(killed)[0] in ([], ROWS), "who only looks cannot repair it"
    with closing(JobTable(killed)) as table:
        assert (table.rows(), table.times_begun) == (ROWS, 0)
    assert read_table(killed)[0] == ROWS


def test_one_that_was_put_in_its_place_is_believed(tmp_path: Path) -> None:
    """Such as a backup."""
    backup = tmp_path / "backup"
    with closing(JobTable(backup)) as table:
        table.change(add=ROWS)
    with closing(JobTable(tmp_path)) as table:
        table.change(add=[Row("z")])
        (backup / QUEUE_FILE).rename(tmp_path / QUEUE_FILE)
        assert (table.rows(), table.times_begun) == (ROWS, 1)


def test_one_that_is_busy_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simsiam_core.jobs.table.BUSY_SECONDS", 0.05)
    with closing(JobTable(tmp_path)) as table:
        table.change(add=ROWS)
        reader = sqlite3.connect(tmp_path / QUEUE_FILE, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM jobs").fetchall()
        with pytest.raises(QueueFileError, match="is locked"):
            table.move("b", "first")
        reader.close()
        table.move("b", "first")
        assert {row.key for row in table.rows()} == {row.key for row in ROWS}


def test_a_full_disk_is_no_damage(tmp_path: Path) -> None:
    with closing(JobTable(tmp_path)) as table:
        table.change(add=ROWS)
        table._current().execute("PRAGMA max_page_count = 6")
        with pytest.raises(QueueFileError, match="disk is full"):
            table.change(add=[Row(f"run {number}" * 20) for number in range(500)])
        assert (table.rows(), table.times_begun) == (ROWS, 1)
