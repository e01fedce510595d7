from __future__ import annotations

import socket
import time
from collections.abc import Callable

import psutil
import pytest
from tiny import tiny

from simsiam_core.jobs import launch, stop
from simsiam_core.jobs.process import CPU_JOB_NICENESS
from simsiam_core.model import load_encoder
from simsiam_core.runs import RunDirectory, RunError, RunStore


def wait_for(condition: Callable[[], object], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.fixture
def run(store: RunStore) -> RunDirectory:
    """A run that would go on for a long time."""
    return store.create(
        tiny(training={"epochs": 5000}, knn={"knn_every": 5000}, checkpoints={"checkpoint_every": 5000})
    )


def test_a_job_is_a_process_of_its_own_that_stops_with_a_checkpoint(run: RunDirectory) -> None:
    launch(run)
    status = run.status()
    assert status.state == "running"
    assert status.pid is not None
    assert psutil.Process(status.pid).nice() == CPU_JOB_NICENESS, "the page must still answer at once"
    wait_for(lambda: run.status().step > 5)
    stop(run)
    status = run.status()
    assert (status.state, status.error) == ("stopped", None)
    assert not psutil.pid_exists(status.pid) or psutil.Process(status.pid).status() == psutil.STATUS_ZOMBIE
    assert load_encoder(run.checkpoint("last").path).step == status.step == run.metrics()[-1]["step"]


def test_a_killed_job_is_crashed_and_cannot_be_stopped(run: RunDirectory) -> None:
    launch(run)
    pid = run.status().pid
    assert pid is not None
    psutil.Process(pid).kill()
    wait_for(lambda: run.status().state == "crashed", seconds=10)
    with pytest.raises(RunError, match="crashed"):
        stop(run)
    wait_for(lambda: not psutil.pid_exists(pid), seconds=10)  # no zombie for another process to wait for


def test_a_stranger_with_the_recorded_pid_is_never_signalled(run: RunDirectory) -> None:
    stranger = psutil.Popen(["sleep", "60"])
    try:
        recorded = {
            "pid": stranger.pid,
            "pid_started": stranger.create_time() - 1,
            "host": socket.gethostname(),
        }
        run.update_status(state="running", **recorded)
        with pytest.raises(RunError, match="it is crashed"):
            stop(run)
        assert stranger.is_running()
    finally:
        stranger.kill()
        stranger.wait()


def test_a_run_of_another_machine_is_left_alone(run: RunDirectory) -> None:
    run.update_status(state="running", pid=1, pid_started=1.0, host="elsewhere")
    with pytest.raises(RunError, match="on the machine elsewhere"):
        stop(run)


def test_a_process_that_cannot_start_is_a_failed_run(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(RunError, match="log says why"):
        launch(run)
    assert run.status().state == "failed"


def test_stopping_a_queued_run_takes_it_out(run: RunDirectory) -> None:
    stop(run)
    assert run.status().state == "stopped"
