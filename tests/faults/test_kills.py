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

from simsiam_core.jobs import Scheduler, read_queue, resume, stop
from simsiam_core.jobs.executors import local
from simsiam_core.runs import RunDirectory, RunStore

from .conftest import Queue, Trainers, wait_for

KILLS = int(os.environ.get("SIMSIAM_KILLS", "3"))
KILLED_WITHIN_SECONDS = float(os.environ.get("SIMSIAM_KILLED_WITHIN", "0.5"))  # 12: with the page up too
ADOPTED_SECONDS = 5
CRASHED_SECONDS = 10


def losses(run: RunDirectory) -> list[tuple[int, float]]:
    return [(line["step"], line["train/loss"]) for line in run.metrics() if "train/loss" in line]


@pytest.mark.usefixtures("clean")
def test_the_dashboard_is_killed_again_and_again_and_the_run_finishes(
    store: RunStore, tmp_path: Path
) -> None:
    """The whole dashboard each time. The last one is let come up, ends the run, and goes on with what waits."""
    dice = random.Random(0)
    endless = {"epochs": 10_000, "batch_size": 20}
    quiet = {"knn": {"knn_every": 10_000}, "checkpoints": {"checkpoint_every": 10_000}}
    run = store.create(tiny(training=endless, **quiet))
    later = store.create(tiny(training={"epochs": 1}))
    server = Queue(store, tmp_path / "first.log", dashboard=True)
    wait_for(lambda: run.status().step > 0)
    pid = run.status().pid
    assert pid is not None
    times = []
    for number in range(KILLS):
        time.sleep(dice.random() * KILLED_WITHIN_SECONDS)
        trainer = psutil.Process(pid)
        stay = [trainer, *trainer.children(recursive=True)]
        beside = psutil.Process(server.process.pid).children(recursive=True)
        server.kill()
        started = time.monotonic()
        server = Queue(store, tmp_path / f"{number}.log", dashboard=True)
        wait_for(lambda s=server: s.said(f"Goes on with {run.id}"))
        times.append(time.monotonic() - started)
        assert (run.status().state, run.status().pid) == ("running", pid)
        gone = [process for process in beside if process not in stay]
        _, left = psutil.wait_procs(gone, timeout=20)
        assert not left, "a worker outlived its server"
    expected = [(run.id, "Runs on CPU 1."), (later.id, "Waits for a CPU slot: 1 of 1 taken.")]
    wait_for(lambda: [(e.run.id, e.reason) for e in read_queue(store)] == expected)
    print(f"adopted after {max(times):.1f} s at most")
    assert max(times) < ADOPTED_SECONDS
    wait_for(lambda: server.said("SimSiam dashboard: http"), 120)
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: later.status().state == "finished")
    assert run.status().state == "stopped"
    steps = [step for step, _ in losses(run)]
    assert steps == list(range(1, run.status().step + 1)), "a metric line is lost or doubled"
    server.kill()


def test_trainers_are_killed_again_and_again_and_the_queue_goes_on_with_the_same_curves(
    store: RunStore, trainers: Trainers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two runs take turns in one slot: each kill lets the other go on, from its newest complete checkpoint.

    A checkpoint is written after every step here, and every other kill waits for one that is half written.
    """
    config = tiny(
        training={"epochs": 12 * KILLS},  # so long that a quick machine does not finish between two kills
        checkpoints={"last_every": 1e-9, "checkpoint_every": 5},
        knn={"knn_every": 10_000},
    )
    whole = store.create(config)
    trainers.train(whole)
    assert whole.status().state == "finished"
    monkeypatch.setattr(local, "launch", lambda run, *_: _started(trainers, run))
    runs = [store.create(config), store.create(config)]
    dice, slowest, halves = random.Random(1), 0.0, 0
    with Scheduler(store) as queue:
        queue.start()
        for number in range(KILLS):
            wait_for(lambda: any(_trains(run) for run in runs), what="the queue did not go on")
            run = next(run for run in runs if run.status().state == "running")
            pid, before = run.status().pid or 0, run.status().step
            wait_for(lambda r=run, b=before: r.status().step > b or r.status().state != "running")
            time.sleep(dice.random() * 0.1)
            if number % 2:
                wait_for(lambda r=run: list(r.checkpoints_dir.glob(".*.part")))
            os.kill(pid, signal.SIGKILL)
            slowest = max(slowest, wait_for(lambda r=run: r.status().state == "crashed", CRASHED_SECONDS))
            halves += bool(list(run.checkpoints_dir.glob(".*.part")))
            assert "killed" in (run.status().error or "")
            orphans = [p for p in psutil.process_iter() if _session(p.pid) == pid and p.pid != pid]
            assert not orphans
            resume(run)
        print(f"crashed was shown within {slowest:.2f} s; {halves} of {KILLS} kills fell into a checkpoint")
        assert halves > 0
        for run in runs:
            wait_for(lambda r=run: r.status().state == "finished", 120, "it did not finish")
    assert [losses(run) for run in runs] == [losses(whole)] * 2


def test_a_run_is_stopped_although_its_parent_never_asks_after_it(
    store: RunStore, trainers: Trainers
) -> None:
    """As from a terminal: the process has ended, but stays a zombie of whoever started it."""
    run = store.create(tiny(training={"epochs": 10_000}, knn={"knn_every": 10_000}))
    pid = trainers.start(run)
    wait_for(lambda: _trains(run))
    started = time.monotonic()
    stop(run)
    assert time.monotonic() - started < 20
    assert run.status().state == "stopped"
    assert run.status().error is None
    assert psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, "else this test shows nothing"


def _started(trainers: Trainers, run: RunDirectory) -> None:
    """As `launch`: returns when the process has announced itself."""
    trainers.start(run)
    wait_for(lambda: run.status().state != "queued")


def _trains(run: RunDirectory) -> bool:
    return run.status().state == "running" and run.status().step > 0


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None
