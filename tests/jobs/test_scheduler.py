"""Who is started where, and why others wait."""

from __future__ import annotations

import pytest
from pretended import end, order
from tiny import tiny

from simsiam_core.jobs import (
    InUseError,
    Scheduler,
    enqueue,
    enqueue_evaluation,
    pause,
    read_queue,
    resume,
    scheduler,
    slots,
    stop,
)
from simsiam_core.jobs.gpus import Gpu
from simsiam_core.jobs.queue import LOCK_FILE
from simsiam_core.runs import RunDirectory, RunError, RunStore
from simsiam_core.runs.lock import FileLock

KNN = {"kind": "knn", "checkpoint": "last"}


def test_one_runs_and_the_others_say_why_they_wait(store: RunStore, three: list, launched: dict) -> None:
    assert [e.reason for e in read_queue(store)] == ["Waits for a dashboard or 'queue run' to start it."] * 3
    with Scheduler(store) as queue:
        queue.run_once()
        assert sorted(order(store)) == ["a", "b", "c"]
        assert [e.reason for e in read_queue(store)] == [
            "Runs on CPU 1.",
            "Waits for a CPU slot: 1 of 1 taken.",
            "Waits for a CPU slot: 1 of 1 taken, and 1 before it.",
        ]
        assert {e.run.notes().group for e in read_queue(store)} == {"letters"}
        end(read_queue(store)[0].run)
        queue.run_once()
        assert len(launched) == 2
        assert len(read_queue(store)) == 2
    assert [e.status.state for e in read_queue(store)] == ["running", "queued"], "read without a server"


def test_each_gpu_has_its_job_and_the_cpu_its_own(store: RunStore, launched: dict, gpus: None) -> None:
    wanted = [tiny(training={"device": device}) for device in ("auto", "gpu", "auto", "cpu")]
    runs = enqueue(store, wanted)
    with Scheduler(store) as queue:
        assert [slot.name for slot in queue.slots] == ["GPU 0", "GPU 3", "CPU 1"]
        queue.run_once()
    seen = sorted(variables["CUDA_VISIBLE_DEVICES"] for variables in launched.values())
    assert seen == ["", "GPU-a", "GPU-d"]
    (waiting,) = [entry for entry in read_queue(store) if entry.status.state == "queued"]
    assert waiting.reason.startswith("Waits for a GPU slot: 2 of 2 taken")
    assert waiting.run.id in {run.id for run in runs[:3]}


def test_several_slots_share_the_cores(store: RunStore, three: list, launched: dict) -> None:
    with Scheduler(store, cpu_slots=2) as queue:
        queue.run_once()
    assert len(launched) == 2
    assert all(int(v["OMP_NUM_THREADS"]) >= 1 for v in launched.values())


def test_a_job_of_two_gpus_takes_both_and_nobody_overtakes_it(
    store: RunStore, gpus: None, launched: dict
) -> None:
    gpu = {"device": "auto"}
    one, two, three = enqueue(
        store, [tiny(name="one", training=gpu), tiny(training={**gpu, "devices": 2}), tiny(training=gpu)]
    )
    with Scheduler(store) as queue:
        queue.run_once()
        assert list(launched) == [one.id]
        assert [e.reason for e in read_queue(store)][1] == "Waits for 2 GPU slots: 1 of 2 taken."
        end(one)
        queue.run_once()
        assert launched[two.id]["CUDA_VISIBLE_DEVICES"] == "GPU-a,GPU-d"
        assert [e.reason for e in read_queue(store)] == [
            "Runs on GPU 0, GPU 3.",
            "Waits for a GPU slot: 2 of 2 taken.",
        ]
    with Scheduler(store) as queue:  # adopted in both
        queue.run_once()
        assert three.id not in launched
        end(two)
        queue.run_once()
        assert launched[three.id]["CUDA_VISIBLE_DEVICES"] == "GPU-a"


def test_a_paused_run_keeps_its_place_and_resumes_there(store: RunStore, three: list, launched: dict) -> None:
    with Scheduler(store) as queue:
        queue.run_once()
        first = read_queue(store)[0].run
        end(first, "paused", step=7)
        queue.run_once()
        assert [e.status.state for e in read_queue(store)] == ["paused", "running", "queued"]
        assert "Paused at step 7" in read_queue(store)[0].reason
        resume(first)
        end(read_queue(store)[1].run)
        queue.run_once()
        assert [e.status.state for e in read_queue(store)] == ["running", "queued"]
        assert read_queue(store)[0].run.id == first.id


def test_a_waiting_run_is_held_back_or_taken_out(store: RunStore, three: list, launched: dict) -> None:
    pause(three[1])
    stop(three[2])
    with Scheduler(store) as queue:
        queue.run_once()
    assert list(launched) == [three[0].id]
    assert three[1].status().state == "paused"
    assert three[2].status().state == "stopped"


def test_one_scheduler_a_folder(store: RunStore) -> None:
    with Scheduler(store), pytest.raises(InUseError, match="in use by another dashboard"):
        Scheduler(store)
    Scheduler(store).close()


def test_it_waits_for_the_run_that_has_the_slot_and_goes_before_those_that_wait(
    store: RunStore, run: RunDirectory, launched: dict
) -> None:
    busy, later = enqueue(store, [tiny(name="busy"), tiny(name="later")])
    with Scheduler(store) as worker:
        worker.run_once()
        job = enqueue_evaluation(store, run, KNN)
        worker.run_once()
        assert job.status().state == "queued"
        assert job.status().activity == "Waits for a CPU slot: 1 of 1 taken."
        end(busy)
        worker.run_once()
        assert list(launched) == [busy.id, job.id]
        assert later.status().state == "queued"
        end(job)
        worker.run_once()
        assert list(launched) == [busy.id, job.id, later.id]


def test_a_gpu_that_an_evaluation_has_is_given_to_nobody_else_even_after_a_restart(
    store: RunStore, run: RunDirectory, launched: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "visible_gpus", lambda: (Gpu("GPU 3", "GPU-d"),))
    job = enqueue_evaluation(store, run, KNN)
    with Scheduler(store) as worker:
        worker.run_once()
    assert launched == {job.id: {"CUDA_VISIBLE_DEVICES": "GPU-d"}}
    (waiting,) = enqueue(store, [tiny(training={"device": "gpu"})])
    with Scheduler(store) as worker:
        worker.run_once()
        assert waiting.status().state == "queued"
        end(job)
        worker.run_once()
        assert waiting.status().state == "running"


def test_one_that_waits_can_be_started_beside_or_taken_out(
    store: RunStore, run: RunDirectory, launched: dict
) -> None:
    enqueue(store, [tiny(name="busy")])
    with Scheduler(store) as worker:
        worker.run_once()
        first, second = (enqueue_evaluation(store, run, KNN) for _ in range(2))
        worker.start_beside(first)
        assert first.status().state == "running"
        with pytest.raises(RunError, match="does not wait; it is running"):
            worker.start_beside(first)
        stop(second)
        worker.run_once()
        assert second.status().state == "stopped"
        assert len(launched) == 2, "the busy run and the first evaluation"


def test_a_terminal_that_holds_the_folder_for_a_moment_is_waited_for(
    store: RunStore, three: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dashboard that was started in that moment must not be told that the folder is in use."""
    terminal = FileLock(store.path / LOCK_FILE)
    monkeypatch.setattr(scheduler.time, "sleep", lambda _: terminal.release())
    Scheduler(store).close()


def test_an_evaluation_that_was_started_beside_takes_no_slot_after_a_restart(
    store: RunStore, run: RunDirectory, launched: dict
) -> None:
    enqueue(store, [tiny(name="busy")])
    with Scheduler(store) as worker:
        worker.run_once()
        job = enqueue_evaluation(store, run, KNN)
        worker.run_once()
        worker.start_beside(job)
        end(store.get(next(iter(launched))))
    (later,) = enqueue(store, [tiny(name="later")])
    with Scheduler(store) as worker:
        worker.run_once()
        assert [e.reason for e in read_queue(store)] == ["Runs on CPU 1."]
    assert job.status().state == later.status().state == "running"


def test_a_run_that_waits_for_an_evaluation_says_so(
    store: RunStore, run: RunDirectory, launched: dict
) -> None:
    enqueue_evaluation(store, run, KNN)
    with Scheduler(store) as worker:
        worker.run_once()
        enqueue(store, [tiny()])
        worker.run_once()
        assert [e.reason for e in read_queue(store)] == ["Waits for a CPU slot: 1 of 1 taken."]


def test_an_evaluation_that_cannot_start_fails_once(store: RunStore, run: RunDirectory) -> None:
    job = enqueue_evaluation(store, run, KNN)
    job.log_path.mkdir()
    with Scheduler(store) as worker:
        worker.run_once()
        assert "log" in (job.status().error or "")
        assert job.status().state == "failed"
        worker.run_once()
        assert worker.idle
