from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from pretended import begin, end, order
from tiny import tiny

from simsiam_core.jobs import Scheduler, enqueue, extend, move, read_queue, resume
from simsiam_core.runs import RunError, RunStore


def test_moves_change_the_order(store: RunStore, three: list, launched: dict) -> None:
    begin(three[0])
    with Scheduler(store) as queue:
        queue.run_once()
        first, second, third = order(store)
        ids = {run.config().name: run.id for run in three}
        queue.queue.move(ids[third], "first")
        assert order(store) == [third, first, second]
        queue.queue.move(ids[third], 1)
        assert order(store) == [first, third, second]
        queue.queue.move(ids[first], "last")
        assert order(store) == [third, second, first]
        for bad in ("sideways", "../x"):
            with pytest.raises(RunError, match="is no place"):
                queue.queue.move(ids[first], bad)
        with pytest.raises(RunError, match="not in the queue"):
            queue.queue.move("../../etc", "up")
    move(store, ids[first], "first")  # without a server: directly
    assert order(store)[0] == first


def test_a_terminal_moves_through_the_server(store: RunStore, three: list, launched: dict) -> None:
    with Scheduler(store) as queue:
        queue.start()
        deadline = time.monotonic() + 20
        while len(launched) < 1:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        last = read_queue(store)[-1].run
        move(store, last.id, "first")
        assert read_queue(store)[0].run.id == last.id


def test_what_cannot_be_resumed_is_told(store: RunStore, three: list) -> None:
    with pytest.raises(RunError, match="queued already"):
        resume(three[0])
    end(three[0])
    with pytest.raises(RunError, match="train it longer"):
        resume(three[0])


def test_the_time_between_two_stretches_of_work_is_no_work(store: RunStore, three: list) -> None:
    run = three[0]
    run.update_status(state="paused", started=100.0, ended=130.0)
    resume(run)
    assert (run.status().spent, run.status().working_seconds) == (30, 30)
    run.update_status(state="running", started=1000.0)
    run.update_status(state="stopped", ended=1005.0)
    assert run.status().working_seconds == 35


def test_a_run_is_extended_under_a_stated_schedule(store: RunStore, three: list) -> None:
    run = three[0]
    end(run, step=12, total_steps=12, epoch=3)
    with pytest.raises(RunError, match="has 3 epochs"):
        extend(run, 3)
    extend(run, 6, "restart")
    again = store.get(run.id)
    assert (again.status().state, again.status().total_steps) == ("queued", 24)
    assert (again.config().training.epochs, again.config().optimiser.restart_epoch) == (6, 3)


def test_a_move_that_the_scheduler_refuses_says_why(store: RunStore, three: list, launched: dict) -> None:
    with Scheduler(store) as worker:
        worker.start()
        with pytest.raises(RunError, match="'sideways' is no place"):
            move(store, three[0].id, "sideways")
        with pytest.raises(RunError, match="not in the queue"):
            move(store, "20260101-000000-deleted-0000", "first")


def test_a_terminal_moves_runs_that_no_scheduler_has_seen(store: RunStore) -> None:
    with pytest.raises(RunError, match="The queue is empty"):
        move(store, "x", "first")
    three = enqueue(store, [tiny(name=name) for name in "abc"])
    move(store, three[2].id, "up")
    assert order(store) == ["a", "c", "b"]
    move(store, three[0].id, "down")
    assert order(store) == ["c", "a", "b"]


def test_two_terminals_at_once_both_move(store: RunStore, three: list) -> None:
    """None of them is the scheduler, and each finds the folder locked by the other now and then."""
    start = threading.Barrier(2)

    def ask(run_id: str) -> None:
        start.wait()
        for _ in range(5):
            move(store, run_id, 1)
        move(store, run_id, "last")

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(ask, run.id) for run in three[:2]]:
            done.result()
    assert order(store)[0] == "c"
    assert not list(store.path.glob(".requests/*"))


def test_a_scheduler_that_does_not_answer_is_told(store: RunStore, three: list) -> None:
    """One that is suspended."""
    with Scheduler(store), pytest.raises(RunError, match="does not answer"):
        move(store, three[0].id, "last", patience=0.1)
    assert not list(store.path.glob(".requests/*"))
