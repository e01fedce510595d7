"""Evaluations take slots like runs; `launch` is replaced by a note of what it was asked to do."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

import pytest
from tiny import tiny

from simsiam_core.jobs import (
    Scheduler,
    enqueue,
    enqueue_evaluation,
    evaluations,
    scheduler,
    slots,
    start_beside,
    stop,
)
from simsiam_core.jobs.gpus import Gpu
from simsiam_core.runs import RunDirectory, RunError, RunStore
from simsiam_core.runs.evaluations import EvaluationDirectory
from simsiam_core.runs.processes import process_identity

KNN = {"kind": "knn", "checkpoint": "last"}
Launched = list[tuple[str, dict[str, str]]]


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> Launched:
    """What was started, in order, with its environment; it counts as running in this very process."""
    started: Launched = []

    def launch(
        run: RunDirectory, variables: dict[str, str] | None = None, command: Sequence[str] | None = None
    ) -> None:
        started.append((run.id, variables or {}))
        pid, at = process_identity(os.getpid())
        run.update_status(state="running", pid=pid, pid_started=at, host=os.uname().nodename)

    monkeypatch.setattr(scheduler, "launch", launch)
    monkeypatch.setattr(evaluations, "launch", launch)
    return started


def end(run: RunDirectory) -> None:
    run.update_status(state="finished", ended=time.time())


@pytest.fixture
def run(store: RunStore) -> RunDirectory:
    run = store.create(tiny())
    end(run)
    return run


def test_it_waits_for_the_run_that_has_the_slot_and_goes_before_those_that_wait(
    store: RunStore, run: RunDirectory, launched: Launched
) -> None:
    busy, later = enqueue(store, [tiny(name="busy"), tiny(name="later")])
    with Scheduler(store) as worker:
        worker.look()
        job = enqueue_evaluation(store, run, KNN)
        worker.look()
        assert job.status().state == "queued"
        assert job.status().activity == "Waits for a CPU slot: 1 of 1 taken."
        end(busy)
        worker.look()
        assert [name for name, _ in launched] == [busy.id, job.id]
        assert later.status().state == "queued"
        end(job)
        worker.look()
        assert [name for name, _ in launched] == [busy.id, job.id, later.id]


def test_a_gpu_that_an_evaluation_has_is_given_to_nobody_else_even_after_a_restart(
    store: RunStore, run: RunDirectory, launched: Launched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "visible_gpus", lambda: (Gpu("GPU 3", "GPU-d"),))
    job = enqueue_evaluation(store, run, KNN)
    with Scheduler(store) as worker:
        worker.look()
    assert launched == [(job.id, {"CUDA_VISIBLE_DEVICES": "GPU-d"})]
    (waiting,) = enqueue(store, [tiny(training={"device": "gpu"})])
    with Scheduler(store) as worker:
        worker.look()
        assert waiting.status().state == "queued"
        end(job)
        worker.look()
        assert waiting.status().state == "running"


def test_one_that_waits_can_be_started_beside_or_taken_out(
    store: RunStore, run: RunDirectory, launched: Launched
) -> None:
    enqueue(store, [tiny(name="busy")])
    with Scheduler(store) as worker:
        worker.look()
        first, second = (enqueue_evaluation(store, run, KNN) for _ in range(2))
        start_beside(first)
        assert first.status().state == "running"
        with pytest.raises(RunError, match="does not wait; it is running"):
            start_beside(first)
        stop(second)
        worker.look()
        assert second.status().state == "stopped"
        assert len(launched) == 2, "the busy run and the first evaluation"


def test_a_run_that_is_gone_takes_its_evaluations_along(
    store: RunStore, run: RunDirectory, launched: Launched
) -> None:
    enqueue_evaluation(store, run, KNN)
    store.trash(run)
    with Scheduler(store) as worker:
        worker.look()
    assert launched == []
    assert list((store.path / evaluations.PLACES_DIR).iterdir()) == []


def test_a_killed_evaluation_is_not_told_to_resume(run: RunDirectory, store: RunStore) -> None:
    job = enqueue_evaluation(store, run, KNN)
    job.update_status(state="running", pid=1, pid_started=0.0, host=os.uname().nodename)
    assert isinstance(job, EvaluationDirectory)
    assert job.status().state == "crashed"
    assert "measure again" in (job.status().error or "")
