"""Locks on a file system without working `flock`, as NFS often is: here, `flock` always fails."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from simsiam_core.runs import lock, lock_file
from simsiam_core.runs.lock import FileLock, LockedError, is_locked
from simsiam_core.runs.lock_file import Owner

HOLD = """
import sys, time
from pathlib import Path
from simsiam_core.runs.lock import FileLock
held = FileLock(Path(sys.argv[1]), "the other")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _no_flock(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", fail)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".lock"


def elsewhere(path: Path, renewed: float, **changes: Any) -> None:
    """As if a process of another machine had taken the lock."""
    path.unlink(missing_ok=True)
    with FileLock(path):
        owner = Owner.model_validate_json(path.read_bytes())
    changes = {"boot": "another machine", "host": "far", "token": "theirs", "renewed": renewed, **changes}
    path.write_text(owner.model_copy(update=changes).model_dump_json())


def test_only_one_holds_it_and_it_is_gone_afterwards(path: Path) -> None:
    with FileLock(path, "me") as held:
        with pytest.raises(LockedError, match="me"):
            FileLock(path)
        held.describe("still me")
        with pytest.raises(LockedError, match="still me"):
            FileLock(path)
        assert is_locked(path)
    assert not is_locked(path)
    assert not list(path.parent.iterdir())


def test_a_lock_of_a_killed_process_is_free_at_once(path: Path) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdout is not None
    assert other.stdout.readline() == b"held\n"
    with pytest.raises(LockedError, match="the other"):
        FileLock(path)
    other.kill()
    other.wait()
    assert not is_locked(path)
    FileLock(path).release()


def test_of_many_that_find_a_dead_owner_one_gets_the_lock(path: Path) -> None:
    for _ in range(20):
        elsewhere(path, time.time(), boot=lock_file.machine_id(), pid=2**30)
        got: list[FileLock] = []
        start = threading.Barrier(8)

        def take(start: threading.Barrier = start, got: list[FileLock] = got) -> None:
            start.wait()
            with contextlib.suppress(LockedError):
                got.append(FileLock(path))

        threads = [threading.Thread(target=take) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(got) == 1
        got[0].release()


def test_an_owner_elsewhere_is_judged_by_whether_it_renews(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_file, "WATCH_SECONDS", 0.5)
    monkeypatch.setattr(lock_file, "RENEW_SECONDS", 0.1)
    elsewhere(path, time.time())
    with pytest.raises(LockedError):  # renewed a moment ago
        FileLock(path)
    assert is_locked(path)
    hour = time.time() - 3600  # its clock is an hour slow: it renews all the same
    elsewhere(path, hour)
    renewal = threading.Timer(0.2, elsewhere_again, (path, hour + 5))
    renewal.start()
    with pytest.raises(LockedError):
        FileLock(path)
    renewal.join()
    FileLock(path).release()  # nothing changed while it was watched


def elsewhere_again(path: Path, renewed: float) -> None:
    owner = Owner.model_validate_json(path.read_bytes())
    path.write_text(owner.model_copy(update={"renewed": renewed}).model_dump_json())


def test_a_restarted_job_owns_what_its_earlier_start_left(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere(path, time.time(), job="12")
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    FileLock(path).release()


def test_a_copy_of_a_folder_is_not_locked(path: Path, tmp_path: Path) -> None:
    with FileLock(path):
        shutil.copytree(tmp_path, tmp_path.with_name("copy"))
        copy = tmp_path.with_name("copy") / ".lock"
        assert not is_locked(copy)
        FileLock(copy).release()


def test_a_moved_folder_stays_locked_and_is_released_where_it_is(path: Path, tmp_path: Path) -> None:
    held = FileLock(path)
    moved = tmp_path.rename(tmp_path.with_name("moved"))
    assert is_locked(moved / ".lock")
    held.release()
    assert not list(moved.iterdir())


def test_it_works_without_hard_links(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", fail)
    test_only_one_holds_it_and_it_is_gone_afterwards(path)


def test_an_owner_that_renews_is_seen_to_do_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "RENEW_SECONDS", 0.05)
    with FileLock(path):
        first = Owner.model_validate_json(path.read_bytes()).renewed
        deadline = time.monotonic() + 10
        while Owner.model_validate_json(path.read_bytes()).renewed == first:
            assert time.monotonic() < deadline


def test_a_file_of_an_earlier_version_locks_nothing_unless_it_is_held(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.touch()
    os.utime(path, (1e9, 1e9))
    assert not is_locked(path)
    monkeypatch.undo()
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert is_locked(path)
        with pytest.raises(LockedError):
            FileLock(path)
    FileLock(path).release()
