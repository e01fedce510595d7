"""People read why their run ended; a crash of the program is no lack of memory."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from features.chores import crash
from tiny import tiny

from simsiam_core.features.worker import InspectionWorker, WorkError
from simsiam_core.model import fingerprint
from simsiam_core.runs import RunDirectory, RunStore
from simsiam_core.runs.crash import crash_in, log_end

# A job that announces itself and then ends as its last word says.
DIES = """
import ctypes, os, signal, sys
from pathlib import Path
from simsiam_core.cli.train import announce
from simsiam_core.runs import RunDirectory
from simsiam_core.runs.crash import crashes_logged
run = RunDirectory(Path(sys.argv[1]))
announce(run)
with crashes_logged(run.log_path):
    if sys.argv[2] == "free":
        print("free(): invalid size", file=sys.stderr, flush=True)
        os.abort()
    if sys.argv[2] == "segv":
        ctypes.string_at(0)
    os.kill(os.getpid(), int(sys.argv[2]))
"""


def died(run: RunDirectory, how: str) -> str:
    """What is said of a run whose process ended so."""
    with run.log_path.open("ab") as log:
        subprocess.run([sys.executable, "-c", DIES, str(run.path), how], stdout=log, stderr=log, timeout=60)
    assert run.status().state == "crashed"
    return run.status().error or ""


def test_a_crash_is_told_as_a_crash_and_a_kill_as_a_kill(store: RunStore) -> None:
    """Kind: a segmentation fault is told as 'killed from outside (memory runs out)'."""
    run = store.create(tiny())
    error = died(run, "segv")
    assert "crashed (Segmentation fault)" in error
    assert "killed" not in error
    assert "Resume goes on" in error
    assert "killed from outside" in died(run, str(int(signal.SIGKILL)))  # not the crash before it
    assert "crashed (Aborted)" in died(run, "free")
    assert "crashed (Illegal instruction)" in died(run, str(int(signal.SIGILL)))


@pytest.mark.parametrize(
    ("number", "name"),
    [(signal.SIGSEGV, "Segmentation fault"), (signal.SIGABRT, "Aborted"), (signal.SIGKILL, None), (0, None)],
)
def test_who_started_a_process_notes_how_it_ended(tmp_path: Path, number: int, name: str | None) -> None:
    """Kind: a crash before the process could say a word."""
    log = tmp_path / "log.txt"
    log.write_text("Fatal Python error: Bus error\nsomething else\n")
    log_end(log, -number)
    assert crash_in(log) == (name if number else "Bus error")
    log_end(tmp_path / "gone" / "log.txt", -number)  # a run that was moved away meanwhile


def test_the_page_says_so_too() -> None:
    """Kind: the process beside the page crashes, and the page speaks of memory."""
    with InspectionWorker("") as worker, pytest.raises(WorkError, match=r"crashed \(Segmentation fault\)"):
        worker.submit(crash).result(60)


def test_checkpoints_are_told_apart_by_content(tmp_path: Path) -> None:
    """Kind: a copy with the size and the time of another file shows what was worked out for that one."""
    one, other, copy = tmp_path / "one.ckpt", tmp_path / "other.ckpt", tmp_path / "copy.ckpt"
    for path, value in ((one, 0.0), (other, 1.0)):
        torch.save({"weights": torch.full((1000,), value)}, buffer := io.BytesIO())
        path.write_bytes(buffer.getvalue())
    os.utime(one, (1e9, 1e9))
    shutil.copy2(one, copy)
    os.utime(other, (1e9, 1e9))
    assert one.stat().st_size == other.stat().st_size
    assert one.stat().st_mtime_ns == other.stat().st_mtime_ns
    assert fingerprint(one) != fingerprint(other)
    assert fingerprint(one) == fingerprint(copy)
    before = fingerprint(one)
    one.touch()
    assert fingerprint(one) == before
    shutil.copy2(other, one)
    assert fingerprint(one) == fingerprint(other)
