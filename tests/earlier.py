"""What version 0.1 kept in a folder of runs about its queue, written with its own statements."""

from __future__ import annotations

import json
import secrets
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path


def write_queue(folder: Path, runs: Sequence[str], slots: Mapping[str, str], *, killed: bool = False) -> None:
    """`.queue.sqlite` with those runs in order, and the slots some were started in.

    A scheduler that was killed leaves the write-ahead log behind.
    """
    with tempfile.TemporaryDirectory() as elsewhere:
        path = Path(elsewhere) / ".queue.sqlite"
        db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.executescript("""
CREATE TABLE IF NOT EXISTS jobs (run TEXT PRIMARY KEY, place REAL NOT NULL, slot TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS slots (name TEXT PRIMARY KEY, gpu TEXT);
""")
        db.executemany("INSERT INTO slots VALUES (?, ?)", [("GPU 0", "GPU-a"), ("CPU 1", None)])
        for run in sorted(runs):
            place = "(SELECT COALESCE(MAX(place), 0) + 1 FROM jobs)"
            db.execute(f"INSERT OR IGNORE INTO jobs (run, place) VALUES (?, {place})", (run,))
        db.executemany("UPDATE jobs SET place = ? WHERE run = ?", list(enumerate(runs)))
        db.executemany("UPDATE jobs SET slot = ? WHERE run = ?", [(slot, run) for run, slot in slots.items()])
        if not killed:
            db.close()
        folder.mkdir(parents=True, exist_ok=True)
        for file in Path(elsewhere).iterdir():
            shutil.copyfile(file, folder / file.name)
        db.close()


def write_evaluation_place(folder: Path, run: str, evaluation: str, slot: str) -> None:
    """`.evaluations/<id>.json`, of an evaluation that waits (no slot) or was started in a slot."""
    path = folder / ".evaluations" / f"{evaluation}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"run": run, "slot": slot}))


def write_move(folder: Path, run: str, to: str | int) -> None:
    """`.moves/<time>-<4 bytes>.json`, as a terminal left it for the scheduler."""
    path = folder / ".moves" / f"{time.time_ns()}-{secrets.token_hex(4)}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"run": run, "to": to}))
