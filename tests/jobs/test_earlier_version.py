"""A folder that version 0.1 worked on goes on where it was: no place, slot or waiting evaluation is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from earlier import write_evaluation_place, write_move, write_queue
from pretended import begin, order
from previous import run_named, unpack_previous
from tiny import tiny

from simsiam_core.jobs import Scheduler, enqueue, read_queue, resume, slots
from simsiam_core.jobs.gpus import Gpu
from simsiam_core.jobs.table import QUEUE_FILE, read_table
from simsiam_core.runs import RunDirectory, RunStore
from simsiam_core.runs.evaluations import create_evaluation

KNN = {"kind": "knn", "checkpoint": "last"}


@pytest.mark.parametrize("killed", [False, True], ids=["closed", "killed"])
def test_places_slots_evaluations_and_moves_are_taken_over(
    store: RunStore, run: RunDirectory, launched: dict, monkeypatch: pytest.MonkeyPatch, killed: bool
) -> None:
    gpus = tuple(Gpu(f"GPU {n}", f"GPU-{n}") for n in range(3))
    monkeypatch.setattr(slots, "visible_gpus", lambda: gpus)
    a, b, c, d = enqueue(store, [tiny(name=name, training={"device": "gpu"}) for name in "abcd"])
    begin(a)
    working, beside, first, second = (create_evaluation(run, KNN) for _ in range(4))
    first, second = sorted((first, second), key=lambda job: job.id)
    begin(working)
    begin(beside)
    write_queue(store.path, [r.id for r in (a, b, c, d)], {a.id: "GPU 1"}, killed=killed)
    for job, slot in ((working, "GPU 0"), (beside, ""), (first, ""), (second, "")):
        write_evaluation_place(store.path, run.id, job.id, slot)
    write_evaluation_place(store.path, "20260101-000000-gone-0000", "20260101-000000-knn-0000", "GPU 2")
    write_move(store.path, d.id, "up")
    write_move(store.path, d.id, "up")
    with Scheduler(store) as worker:
        worker.run_once()
        assert launched == {first.id: {"CUDA_VISIBLE_DEVICES": "GPU-2"}}
        assert second.status().activity == "Waits for a GPU slot: 3 of 3 taken."
        assert order(store) == ["a", "d", "b", "c"]
        assert read_queue(store)[0].reason == "Runs on GPU 1."
        working.update_status(state="finished")
        worker.run_once()
        assert list(launched) == [first.id, second.id]
        assert launched[second.id] == {"CUDA_VISIBLE_DEVICES": "GPU-0"}
        beside.update_status(state="finished")
        worker.run_once()
        assert len(launched) == 2, "it had no slot to give back"
    noted = {row.id or row.run: row.slot for row in read_table(store.path)[0]}
    assert noted == {a.id: "GPU 1", b.id: "", c.id: "", d.id: "", first.id: "GPU 2", second.id: "GPU 0"}
    left = {path.name for path in store.path.iterdir() if not path.is_dir() or path.name[0] == "."}
    assert left == {QUEUE_FILE, ".requests"}


def test_a_killed_takeover_goes_on(store: RunStore, run: RunDirectory, launched: dict) -> None:
    """What was taken over and not yet deleted is taken over again."""
    job = create_evaluation(run, KNN)
    write_queue(store.path, [], {})
    for _ in range(2):
        write_evaluation_place(store.path, run.id, job.id, "")
        with Scheduler(store) as worker:
            worker.run_once()
    assert list(launched) == [job.id]
    assert read_table(store.path)[0][0].slot == "CPU 1"


def test_the_folder_of_version_0_1_keeps_its_order(tmp_path: Path, launched: dict) -> None:
    store = unpack_previous(tmp_path)
    names = [run_named(store, name).id for name in ("queued", "paused", "folder-paused", "forked")]
    assert [entry.run.id for entry in read_queue(store)] == names
    with Scheduler(store) as worker:
        worker.run_once()
        assert [entry.run.id for entry in read_queue(store)] == names
        assert list(launched) == [names[0]]
        resume(run_named(store, "paused"))
        worker.run_once()
        assert [entry.status.state for entry in read_queue(store)] == [
            "running",
            "queued",
            "paused",
            "queued",
        ]
