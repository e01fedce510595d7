"""A power cut, a full disk or another program has left the queue's file damaged."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny import tiny

from simsiam_core.jobs import Scheduler, enqueue, move, pause, read_queue, table
from simsiam_core.jobs.executors import local
from simsiam_core.jobs.requests import REQUESTS_DIR
from simsiam_core.jobs.table import QUEUE_FILE
from simsiam_core.runs import RunStore


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is started."""
    monkeypatch.setattr(local, "launch", lambda *_: None)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1500])


def with_other_tables(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE jobs (something TEXT)")


QUEUE_DAMAGE: dict[str, Callable[[Path], object]] = {
    "text": lambda path: path.write_bytes(
        b"this is no database, and long enough to be looked at as one " * 100
    ),
    "truncated": truncated,
    "folder": as_folder,
    "other tables": with_other_tables,
    "gone": Path.unlink,
}


@pytest.mark.parametrize("way", QUEUE_DAMAGE)
@pytest.mark.parametrize("running", [False, True], ids=["before the start", "while it runs"])
def test_a_damaged_queue_file_is_put_aside_and_made_again(
    store: RunStore, idle: None, capsys: pytest.CaptureFixture[str], way: str, running: bool
) -> None:
    """A damaged queue file stopped the server, or the queue for good, without a word of what to do."""
    runs = enqueue(store, [tiny(name=name) for name in "abc"])
    pause(runs[1])
    path, waiting = store.path / QUEUE_FILE, [run.id for run in runs]
    with Scheduler(store) as queue:
        queue.run_once()
        if running:
            QUEUE_DAMAGE[way](path)
            read_queue(store)
            for _ in range(2):
                queue.run_once()
            queue.queue.move(waiting[2], "first")
            assert [entry.run.id for entry in read_queue(store)] == [waiting[2], *waiting[:2]]
    if not running:
        QUEUE_DAMAGE[way](path)
        read_queue(store)
        with Scheduler(store) as queue:
            queue.run_once()
            assert [entry.run.id for entry in read_queue(store)] == waiting
            assert "Waits for a dashboard" not in read_queue(store)[0].reason
    kept = list(store.path.glob(f"{QUEUE_FILE}.damaged-*"))
    assert bool(kept) == (way != "gone")
    said = {(True, True): "was damaged", (True, False): "was damaged", (False, True): "is gone"}
    assert said.get((bool(kept), running), "") in capsys.readouterr().out


def test_a_full_or_busy_disk_is_no_damage(
    store: RunStore, idle: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A queue that cannot be written for now keeps its file."""
    monkeypatch.setattr(table, "BUSY_SECONDS", 0.1)
    run = enqueue(store, [tiny()])[0]
    with Scheduler(store) as queue:
        queue.run_once()
    holder = sqlite3.connect(store.path / QUEUE_FILE, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    assert [entry.run.id for entry in read_queue(store)] == [run.id]
    holder.close()
    move(store, run.id, "first")
    assert not list(store.path.glob("*damaged*"))


def test_one_run_that_cannot_start_does_not_stop_the_queue(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log that is a folder, or a config that cannot be read, held up every run behind it."""
    started: list[Any] = []
    real = local.launch
    runs = enqueue(store, [tiny(name=name) for name in "abc"])
    monkeypatch.setattr(
        local,
        "launch",
        lambda run, *rest: started.append(run.id) if run.id == runs[2].id else real(run, *rest),
    )
    runs[0].log_path.mkdir()
    (runs[1].path / "config.yaml").write_bytes(b"\xff")
    for folder in (".moves", REQUESTS_DIR):
        (store.path / folder / "x.json").mkdir(parents=True)
    with Scheduler(store, cpu_slots=3) as queue:
        queue.run_once()
    assert started == [runs[2].id]
    assert [run.status().state for run in runs] == ["failed", "failed", "queued"]
    assert "log" in (runs[0].status().error or "")
