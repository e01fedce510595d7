"""Which jobs have a place: those whose status says so, whoever asked for them and whatever became of the table."""

from __future__ import annotations

import pytest
from pretended import begin
from tiny import tiny

from simsiam_core.jobs import Scheduler, enqueue, enqueue_evaluation
from simsiam_core.jobs.requests import EvaluateRequest, write_request
from simsiam_core.jobs.table import QUEUE_FILE, Row, read_table
from simsiam_core.runs import RunDirectory, RunStore
from simsiam_core.runs.evaluations import create_evaluation

KNN = {"kind": "knn", "checkpoint": "last"}


def test_a_run_that_is_gone_takes_its_evaluations_along(
    store: RunStore, run: RunDirectory, launched: dict
) -> None:
    enqueue_evaluation(store, run, KNN)
    store.trash(run)
    with Scheduler(store) as worker:
        worker.run_once()
        assert not launched
        assert read_table(store.path)[0] == []
        store.restore(run.id)
        worker.run_once()
        assert len(launched) == 1, "it waits again once the run is back"


def test_an_evaluation_whose_asker_was_killed_before_it_asked_is_started(
    store: RunStore, run: RunDirectory, launched: dict
) -> None:
    job = create_evaluation(run, KNN)
    with Scheduler(store) as worker:
        worker.run_once()
    assert list(launched) == [job.id]


def test_requests_for_what_is_deleted_or_has_ended_change_nothing(
    store: RunStore, run: RunDirectory, launched: dict
) -> None:
    ended = enqueue_evaluation(store, run, KNN)
    ended.update_status(state="stopped")
    write_request(store.path, EvaluateRequest(run=run.id, evaluation="20260101-000000-knn-0000"))
    write_request(store.path, EvaluateRequest(run="20260101-000000-gone-0000", evaluation="../../x"))
    with Scheduler(store) as worker:
        worker.run_once()
    assert not launched
    assert read_table(store.path)[0] == []
    assert not list(store.path.glob(".requests/*.json"))


def test_a_job_of_a_later_version_keeps_its_place(store: RunStore, run: RunDirectory, launched: dict) -> None:
    later = Row(run.id, "20260101-000000-map-0000", "map")
    with Scheduler(store) as worker:
        worker.queue.table.change(add=[later])
        worker.run_once()
        assert worker.idle
    assert read_table(store.path)[0] == [later]


@pytest.mark.parametrize("restarted", [False, True])
def test_a_running_evaluation_keeps_a_slot_when_the_table_is_lost(
    store: RunStore, run: RunDirectory, launched: dict, restarted: bool
) -> None:
    job = enqueue_evaluation(store, run, KNN)
    worker = Scheduler(store)
    worker.run_once()
    if restarted:
        worker.close()
    (store.path / QUEUE_FILE).unlink()
    (waiting,) = enqueue(store, [tiny()])
    if restarted:
        worker = Scheduler(store)
    worker.run_once()
    assert (job.status().state, waiting.status().state) == ("running", "queued")
    assert Row(run.id, job.id, "evaluation", "CPU 1") in read_table(store.path)[0]
    worker.close()


def test_an_evaluation_in_a_terminal_takes_no_slot(
    store: RunStore, run: RunDirectory, launched: dict
) -> None:
    with Scheduler(store) as worker:
        worker.run_once()
        begin(create_evaluation(run, KNN))
        (waiting,) = enqueue(store, [tiny()])
        worker.run_once()
    assert list(launched) == [waiting.id]
