from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from features.chores import double, fail, hold

from simsiam_core.data import Dataset
from simsiam_core.features.retrieval import Question, neighbours
from simsiam_core.features.worker import InspectionWorker, Task, WorkError
from simsiam_core.runs import RunDirectory


@pytest.fixture(scope="module")
def worker() -> Iterator[InspectionWorker]:
    with InspectionWorker(preload="") as worker:
        yield worker


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def start_holding(worker: InspectionWorker, folder: Path) -> Task[int]:
    task = worker.submit(hold, folder / "release", folder / "started")
    until((folder / "started").exists)
    return task


def test_runs_in_another_process_and_keeps_it(worker: InspectionWorker) -> None:
    (four, first), (six, second) = worker.submit(double, 2).result(30), worker.submit(double, 3).result(30)
    assert (four, six) == (4, 6)
    assert first == second == worker.pid != os.getpid()


def test_progress_is_seen_by_the_task_and_by_the_one_behind_it(
    worker: InspectionWorker, tmp_path: Path
) -> None:
    task = start_holding(worker, tmp_path)
    waiting = worker.submit(double, 5)
    until(lambda: task.progress == (0.5, "Half of it"))
    assert waiting.progress == (0.5, "Waiting. Half of it")
    seen = waiting.watch(every=0.01)
    assert next(seen) == (0.5, "Waiting. Half of it")
    (tmp_path / "release").touch()
    list(seen)  # ends by itself
    assert waiting.done
    assert (task.result(30), waiting.result(30)[0]) == (42, 10)
    assert task.progress == (1.0, "Done")


def test_the_same_request_from_two_tabs_is_computed_once(worker: InspectionWorker, tmp_path: Path) -> None:
    task = start_holding(worker, tmp_path)
    same = worker.submit(hold, Path(f"{tmp_path}/release"), Path(f"{tmp_path}/started"))
    assert same is task
    (tmp_path / "release").touch()
    assert task.result(30) == 42
    assert (tmp_path / "started").read_text() == "x\n"
    assert worker.submit(hold, tmp_path / "release", tmp_path / "started") is not task  # a new question


def test_cancel_frees_the_worker(worker: InspectionWorker, tmp_path: Path) -> None:
    task = start_holding(worker, tmp_path)
    behind = worker.submit(double, 7)
    before, began = worker.pid, time.monotonic()
    task.cancel()
    with pytest.raises(WorkError, match=r"^Cancelled\.$"):
        task.result(0)
    assert not psutil.pid_exists(before)
    assert time.monotonic() - began < 2
    assert behind.result(30)[0] == 14
    assert worker.pid != before


def test_after_a_long_task_a_spare_process_stands_by_and_takes_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simsiam_core.features.worker.SPARE_AFTER_SECONDS", 0.0)
    with InspectionWorker(preload="") as worker:
        assert worker.submit(double, 6).result(30) == (12, worker.pid)
        until(lambda: worker._spare is not None)
        assert worker._spare is not None
        spare = worker._spare[0].pid
        start_holding(worker, tmp_path).cancel()
        assert worker.submit(double, 7).result(30) == (14, spare)
        until(lambda: worker._spare is not None)
        assert worker._spare is not None
        processes = [psutil.Process(pid) for pid in (worker.pid, worker._spare[0].pid)]
    assert not any(process.is_running() for process in processes), "both end with the worker"


def test_cancelling_a_waiting_task_leaves_the_running_one_alone(
    worker: InspectionWorker, tmp_path: Path
) -> None:
    running = start_holding(worker, tmp_path)
    waiting = worker.submit(double, 8)
    waiting.cancel()
    assert waiting.done
    (tmp_path / "release").touch()
    assert running.result(30) == 42
    waiting.cancel()  # too late, harmless
    running.cancel()
    assert running.result() == 42


def test_a_killed_process_is_a_sentence_and_the_next_call_works(
    worker: InspectionWorker, tmp_path: Path
) -> None:
    task = start_holding(worker, tmp_path)
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(WorkError, match="killed or ran out of memory; try again"):
        task.result(30)
    assert worker.submit(double, 9).result(30)[0] == 18


def test_a_process_killed_while_idle_costs_nothing(worker: InspectionWorker) -> None:
    _, pid = worker.submit(double, 1).result(30)
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    number, other = worker.submit(double, 1).result(30)
    assert number == 2
    assert other != pid


def test_errors_come_back_as_one_sentence(worker: InspectionWorker) -> None:
    with pytest.raises(WorkError, match=r"^There is no such folder\.$") as caught:
        worker.submit(fail, "config").result(60)
    assert [p.path for p in caught.value.problems] == ["data.path"]
    with pytest.raises(WorkError, match=r"^There is no such run\.$"):
        worker.submit(fail, "run").result(60)
    with pytest.raises(WorkError, match=r"^Something went wrong here.*\(ZeroDivisionError: a fault\)\.$"):
        worker.submit(fail, "other").result(60)


def test_answers_travel(worker: InspectionWorker, run: RunDirectory, dataset: Dataset) -> None:
    answer = worker.submit(
        neighbours, run.path, "last", Question("train", dataset.train.ids[0], 3, 0.1)
    ).result(60)
    assert answer.query.shape == (16, 16, 3)
    assert len(answer.neighbours) == 3
    with pytest.raises(WorkError, match="image"):
        worker.submit(neighbours, run.path, "last", Question("train", b"no image", 3, 0.1)).result(60)


def test_closing_ends_the_process_and_what_waits(tmp_path: Path) -> None:
    with InspectionWorker(preload="") as worker:
        task = start_holding(worker, tmp_path)
        pid = worker.pid
    with pytest.raises(WorkError, match="the server is closing"):
        task.result(0)
    assert not psutil.pid_exists(pid)
    with pytest.raises(WorkError, match="closing"):
        worker.submit(double, 1)


@pytest.mark.parametrize("busy", [False, True])
def test_the_process_dies_with_the_server(tmp_path: Path, busy: bool) -> None:
    server = textwrap.dedent(f"""
        import sys, time
        from pathlib import Path
        from simsiam_core.features.worker import InspectionWorker
        from features.chores import double, hold
        worker = InspectionWorker(preload="")
        worker.submit(double, 1).result(30)
        folder = Path({str(tmp_path)!r})
        if {busy}:
            worker.submit(hold, folder / "release", folder / "started")
            while not (folder / "started").exists(): time.sleep(0.01)
        print(worker.pid, flush=True)
        time.sleep(600)
    """)
    command, path = [sys.executable, "-c", server], os.pathsep.join(sys.path)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": path}
    ) as process:
        pid = int(process.stdout.readline())
        assert psutil.pid_exists(pid)
        process.kill()
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, 5)
