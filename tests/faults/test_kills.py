"""kill -9, again and again: of the server, of the trainer."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import psutil
import pytest
from tiny import tiny

from simsiam_core.jobs import read_queue, resume
from simsiam_core.runs import RunDirectory, RunStore

from .conftest import Queue, Trainers, wait_for

KILLS = 20
ADOPTED_SECONDS = 5
CRASHED_SECONDS = 10


def losses(run: RunDirectory) -> list[tuple[int, float]]:
    return [(line["step"], line["train/loss"]) for line in run.metrics() if "train/loss" in line]


@pytest.mark.usefixtures("clean")
def test_the_server_is_killed_twenty_times_and_the_run_finishes(store: RunStore, tmp_path: Path) -> None:
    """With nineteen of the scheduler alone, which starts in a second, and one of the whole dashboard."""
    dice = random.Random(0)
    endless = {"epochs": 10_000, "batch_size": 20}
    quiet = {"knn": {"knn_every": 10_000}, "checkpoints": {"checkpoint_every": 10_000}}
    run = store.create(tiny(training=endless, **quiet))
    later = store.create(tiny(training={"epochs": 1}))
    first = Queue(store, tmp_path / "first.log")
    wait_for(lambda: run.status().step > 0)
    pid = run.status().pid
    times = []
    server = first
    for number in range(KILLS):
        time.sleep(dice.random() / 2)
        server.kill()
        started = time.monotonic()
        server = Queue(store, tmp_path / f"{number}.log", dashboard=number == KILLS - 1)
        wait_for(lambda s=server: s.said(f"Goes on with {run.id}"))
        times.append(time.monotonic() - started)
        assert (run.status().state, run.status().pid) == ("running", pid)
    expected = [(run.id, "Runs on CPU 1."), (later.id, "Waits for a CPU slot: 1 of 1 taken.")]
    wait_for(lambda: [(e.run.id, e.reason) for e in read_queue(store)] == expected)
    print(f"adopted after {max(times[:-1]):.1f} s at most; by the dashboard after {times[-1]:.1f} s")
    assert max(times) < ADOPTED_SECONDS
    # The dashboard that adopted it ends it, and goes on with what was queued.
    assert pid is not None
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: later.status().state == "finished")
    assert run.status().state == "stopped"
    steps = [step for step, _ in losses(run)]
    assert steps == list(range(1, run.status().step + 1)), "a metric line is lost or doubled"
    server.kill()


def test_the_trainer_is_killed_twenty_times_and_the_curve_is_the_same(
    store: RunStore, trainers: Trainers
) -> None:
    """A checkpoint is written after every step here, so that many of the kills fall into one."""
    config = tiny(
        training={"epochs": 300},  # so long that a quick machine does not finish between two kills
        checkpoints={"last_every": 1e-9, "checkpoint_every": 5},
        knn={"knn_every": 10_000},
    )
    whole = store.create(config)
    trainers.train(whole)
    assert whole.status().state == "finished"
    run, dice, slowest = store.create(config), random.Random(1), 0.0
    for _ in range(KILLS):
        before = run.status().step
        pid = trainers.start(run)
        wait_for(lambda b=before: run.status().state == "running" and run.status().step > b)
        time.sleep(dice.random() * 0.1)
        os.kill(pid, signal.SIGKILL)
        slowest = max(slowest, wait_for(lambda: run.status().state == "crashed", CRASHED_SECONDS))
        assert "killed" in (run.status().error or "")
        assert not [p for p in psutil.process_iter() if _session(p.pid) == pid and p.pid != pid], "an orphan"
        resume(run)
    print(f"crashed was shown within {slowest:.2f} s")
    trainers.train(run)
    assert run.status().state == "finished", run.log_tail()
    assert losses(run) == losses(whole)


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


@pytest.mark.usefixtures("clean")
def test_the_queue_goes_on_when_a_trainer_is_killed(store: RunStore, tmp_path: Path) -> None:
    run = store.create(tiny(training={"epochs": 10_000}, knn={"knn_every": 10_000}))
    later = store.create(tiny(training={"epochs": 1}))
    server = Queue(store, tmp_path / "server.log")
    wait_for(lambda: run.status().step > 0)
    pid = run.status().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: later.status().state == "finished")
    assert run.status().state == "crashed"
    wait_for(lambda: server.said("has crashed"))
    assert read_queue(store) == []
    server.kill()
