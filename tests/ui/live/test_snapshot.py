from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest
from tiny import tiny

from simsiam_core.runs import RunDirectory, RunStore, Status
from simsiam_core.runs.metrics import SEARCHED_BYTES
from simsiam_core.runs.processes import process_identity
from simsiam_core.ui.live import snapshot
from simsiam_core.ui.live.snapshot import Snapshots


@pytest.fixture
def run(store: RunStore) -> RunDirectory:
    run = store.create(tiny())
    lines = [{"step": 1, "val/knn_accuracy": 0.25}, {"step": 2, "val/knn_accuracy": 0.5}, {"step": 3}]
    run.metrics_path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    run.update_status(state="finished", ended=time.time())
    return run


@pytest.fixture
def snapshots(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> Snapshots:
    monkeypatch.setattr(snapshot, "FRESH_SECONDS", -1.0)
    return Snapshots(store)


def test_a_run_at_rest_is_read_once_and_again_when_written(
    run: RunDirectory, snapshots: Snapshots, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []
    read = RunDirectory.status
    monkeypatch.setattr(RunDirectory, "status", lambda self: (reads.append(self.id), read(self))[1])
    for _ in range(3):
        assert snapshots.look().statuses[run.id].state == "finished"
    assert reads == [run.id]
    assert snapshots.look().recent[run.id].values["val/knn_accuracy"] == 0.5
    run.update_status(state="queued")
    seen = snapshots.look()
    assert seen.statuses[run.id].state == "queued"
    assert [entry.run.id for entry in seen.queue] == [run.id]


def test_a_dead_process_is_noticed_though_nothing_was_written(
    run: RunDirectory, snapshots: Snapshots
) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    pid, started = process_identity(process.pid)
    run.update_status(state="running", pid=pid, pid_started=started, host=os.uname().nodename)
    assert snapshots.look().statuses[run.id].state == "running"
    process.kill()
    process.wait()
    assert snapshots.look().statuses[run.id].state == "crashed"


def test_pages_share_a_look_until_something_is_changed(store: RunStore, run: RunDirectory) -> None:
    snapshots = Snapshots(store)
    first = snapshots.look()
    assert snapshots.look() is first
    assert [first.once("a", lambda: 1), first.once("a", lambda: 2), first.once("b", lambda: 3)] == [1, 1, 3]
    snapshots.forget()
    assert snapshots.look() is not first
    assert snapshots.look().once("a", lambda: 4) == 4


def test_the_newest_value_is_found_in_a_long_file_and_behind_half_a_line(run: RunDirectory) -> None:
    with run.metrics_path.open("a") as file:
        file.write("x" * SEARCHED_BYTES + "\n" + json.dumps({"step": 9, "val/knn_accuracy": 0.75}) + "\n")
        file.write('{"step": 10, "val/knn_accuracy": 0.')
    assert run.recent("val/knn_accuracy").values == {"val/knn_accuracy": 0.75}
    assert run.recent("train/loss").values == {}
    run.metrics_path.write_text("")
    assert run.recent("val/knn_accuracy").values == {}
    run.metrics_path.unlink()
    assert run.recent("val/knn_accuracy").values == {}


def test_the_pace_is_that_since_a_moment(run: RunDirectory) -> None:
    lines = [{"step": step, "time": 10.0 * step + (1000 if step > 3 else 0)} for step in range(1, 7)]
    run.metrics_path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    whole, since = run.recent(), run.recent(since=500.0)
    assert (whole.first, whole.last) == ((1, 10.0), (6, 1060.0))
    assert (since.first, since.last) == ((4, 1040.0), (6, 1060.0))
    assert run.recent(since=2000.0).first is None


def test_of_very_many_runs_some_are_looked_at_each_time(
    store: RunStore, snapshots: Snapshots, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "CHECKED", 2)
    runs = [store.create(tiny(), Status(state="finished")) for _ in range(5)]
    snapshots.look()
    for run in runs:  # by a program at the terminal
        run.update_status(state="queued")
    seen = [sum(s.active for s in snapshots.look().statuses.values()) for _ in range(3)]
    assert seen[0] < 5 and seen[2] == 5, "within as many looks as it takes to have looked at all of them"
    runs[0].update_status(state="finished")
    assert snapshots.look().statuses[runs[0].id].state == "finished", (
        "one that was active is always looked at"
    )
    for run in runs:
        run.update_status(state="stopped")
    snapshots.forget()
    assert {s.state for s in snapshots.look().statuses.values()} == {"stopped"}, "after a change from a page"
