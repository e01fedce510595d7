"""The clock is set, a run is copied or moved, a laptop changes its name, and somebody deletes what still trains."""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tiny import tiny

from simsiam_core.cli import main
from simsiam_core.cli.train import announce
from simsiam_core.jobs import pause, resume, stop
from simsiam_core.jobs.stop_request import StopRequest
from simsiam_core.runs import MetricsWriter, RunDirectory, RunError, RunStore, Status, liveness, processes
from simsiam_core.runs.processes import process_alive, process_identity
from simsiam_core.runs.status import Status as Recorded
from simsiam_core.training.status import StatusWriter
from simsiam_core.ui.live.curves import Curves
from simsiam_core.ui.live.run_text import detail


@pytest.fixture
def working(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunDirectory]:
    """A run that this very process works on, as a trainer announces it and holds its lock."""
    monkeypatch.setattr(StopRequest, "listen", lambda _: None)
    run = store.create(tiny())
    with run.lock():
        announce(run)
        yield run


def set_clock(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """As if somebody had set it: what the wall clock and psutil tell moves, the processes' ticks do not."""
    now, created = time.time, psutil.Process.create_time
    monkeypatch.setattr(time, "time", lambda: now() + seconds)
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: created(self) + seconds)


@pytest.mark.parametrize("seconds", [1, -1, 3600, -86_400])
def test_a_healthy_run_lives_on_when_the_clock_is_set(
    working: RunDirectory, store: RunStore, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """A clock that stepped by a second made a healthy run "crashed", and its folder could be deleted."""
    assert working.status().state == "running"
    set_clock(monkeypatch, seconds)
    assert working.status().state == "running"
    assert main(["runs", "delete", working.id, "--yes", "--save-dir", str(store.path)]) == 2
    assert working.path.is_dir()


def test_what_holds_the_lock_is_never_deleted_whatever_its_status_says(
    working: RunDirectory, store: RunStore, capsys: pytest.CaptureFixture[str]
) -> None:
    """A live run that was taken for crashed lost its folder to `runs delete --yes`."""
    working.update_status(pid_started=1.0)
    assert working.status().state == "crashed"
    for words in (["delete", working.id, "--yes"], ["resume", working.id]):
        assert main(["runs", *words, "--save-dir", str(store.path)]) == 2
        assert "Another process is working on run" in capsys.readouterr().err
    assert working.path.is_dir()


def test_a_run_that_an_earlier_version_trains_is_judged_by_its_lock(
    working: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Earlier versions noted a start in seconds of the epoch, by a clock that has been set since."""
    epoch = psutil.Process().create_time()
    working.update_status(pid_started=epoch, boot="", folder="")
    set_clock(monkeypatch, 40)
    assert working.status().state == "running"
    shutil.copytree(working.path, copied := working.path.with_name(working.id[:-4] + "0000"))
    assert RunDirectory(copied).status().state == "crashed", "nobody holds the lock of the copy"


# --- copies and machines ------------------------------------------------------------------------------


def test_a_copy_of_a_running_run_is_not_running_and_signals_nobody(
    working: RunDirectory, store: RunStore
) -> None:
    """`cp -r` of a running run was shown running, and stopping the copy stopped the original."""
    copied = RunDirectory(working.path.with_name(working.id[:-4] + "0000"))
    shutil.copytree(working.path, copied.path)
    status = copied.status()
    assert (status.state, "is a copy" in (status.error or "")) == ("crashed", True)
    for act in (stop, pause):
        with pytest.raises(RunError, match="crashed"):
            act(copied)
    assert working.status().state == "running"
    resume(copied)
    assert copied.status().state == "queued"
    store.trash(copied)


def test_a_laptop_that_changes_its_name_keeps_its_runs(
    working: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With another host name, a run of this machine counted as one of another."""
    monkeypatch.setattr(socket, "gethostname", lambda: "another-network")
    assert working.status().state == "running"
    assert liveness.is_here(working.status())


@pytest.mark.parametrize("name", ["", "elsewhere"])
def test_a_run_of_another_machine_or_container_is_never_signalled(store: RunStore, name: str) -> None:
    """Two containers of one host name: a pid of one is another process in the other."""
    run, (pid, started) = store.create(tiny()), process_identity(os.getpid())
    with run.lock():
        host = name or socket.gethostname()
        run.update_status(state="running", pid=pid, pid_started=started, boot="another boot", host=host)
        assert run.status().state == "running"
        with pytest.raises(RunError, match="stop it there"):
            stop(run)
    if not name:  # the machine was started again: nobody holds the lock
        assert run.status().state == "crashed"


def test_another_machine_is_alive_while_its_heartbeat_changes(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine whose clock is an hour behind or ahead was shown as crashed, or as running for ever."""
    steady = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: steady)
    for offset in (-3600.0, 3600.0):
        run, beat = store.create(tiny()), time.time() + offset
        status = Recorded(state="running", boot="another boot", host="elsewhere", heartbeat=beat)
        run.write_status(status)
        os.utime(run.path / "status.json", (1e9, 1e9))
        assert run.status().state == "crashed", "nothing tells that it beats"
        run.write_status(status.model_copy(update={"heartbeat": beat + 1}))
        assert run.status().state == "running"
        steady += liveness.STALE_HEARTBEAT_SECONDS + 1
        assert run.status().state == "crashed", "it beats no more"


def test_a_file_that_was_written_a_moment_ago_tells_of_a_machine_whose_clock_is_off(store: RunStore) -> None:
    """By the clock of the file server: a page that was just opened has seen no heartbeat change."""
    run = store.create(tiny())
    run.write_status(
        Recorded(state="running", boot="another boot", host="elsewhere", heartbeat=time.time() - 3600)
    )
    assert run.status().state == "running"
    assert run.status().state == "running", "and the second time"


def test_a_reused_pid_is_another_process() -> None:
    """A start time that differs by one tick is another process's."""
    pid, started = process_identity(os.getpid())
    assert process_alive(pid, started)
    assert not process_alive(pid, started + 0.01)
    assert not processes.uses_wall_clock(started)


# --- times --------------------------------------------------------------------------------------------


def test_durations_and_curves_do_not_depend_on_the_clock(
    working: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock set back by an hour made runs of negative length, and curves that ran backwards."""
    status, steady = StatusWriter(working), time.monotonic
    status.beat(force=True, step=0, total_steps=100)
    writer, times = MetricsWriter(working.metrics_path), []
    for step in range(1, 11):
        monkeypatch.setattr(time, "monotonic", lambda step=step: steady() + 10 * step)
        monkeypatch.setattr(time, "time", lambda step=step: 1.7e9 - 3600 * (step > 5) + 10 * step)
        times.append(status.now())
        writer.write([{"step": step, "epoch": 0, "time": times[-1], "train/loss": -0.5}])
        status.beat(force=True, step=step)
    writer.close()
    assert times == sorted(times)
    done = working.status()
    assert done.working_seconds == pytest.approx(100, abs=5)
    recent = working.recent("train/loss", since=done.started or 0.0)
    assert (recent.first or (0, 0))[0] == 1
    assert "15 min" in detail(working, done, recent)  # 90 steps of 10 s


def test_a_record_whose_clock_was_set_back_is_drawn_forwards(working: RunDirectory) -> None:
    """Runs made before, paused and resumed after the clock was set back: charts by time ran backwards."""
    times = [1000.0, 1010.0, 1020.0, 500.0, 510.0, 520.0]
    writer = MetricsWriter(working.metrics_path)
    writer.write([{"step": s, "time": t, "train/loss": -0.5} for s, t in enumerate(times, start=1)])
    writer.close()
    curves = Curves(working)
    curves.poll()
    minutes, _ = curves.points("train/loss", "minutes", 1.0)
    assert minutes == sorted(minutes)
    assert minutes[-1] == pytest.approx(40 / 60, abs=0.01), "what was worked, without the step"
    assert working.recent(since=400.0).first == (4, 500.0), "of the process that works now"
    assert working.recent(since=505.0).first == (5, 510.0)


def test_a_run_made_after_the_clock_was_set_back_is_among_the_newest(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the end of summer time, a run made later sorted before those of the last hour, and waited behind them."""
    first = store.create(tiny(name="first"))
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() - 3600)
    second = store.create(tiny(name="second"))
    assert second.id[:15] >= first.id[:15]
    assert second.status().created > first.status().created


def test_what_is_written_is_as_private_as_the_umask_says(tmp_path: Path) -> None:
    """Under umask 077 everybody could read a run's config, metrics and checkpoints."""
    modes = {}
    for umask in (0o077, 0o022):
        before = os.umask(umask)
        try:
            store = RunStore(tmp_path / f"{umask:o}")
            run = store.create(tiny(), Status(state="finished"))
            MetricsWriter(run.metrics_path).close()
            run.lock().release()
        finally:
            os.umask(before)
        modes[umask] = {p.stat().st_mode & 0o777 & ~0o100 for p in [run.path, *run.path.rglob("*")]}
    assert modes == {0o077: {0o600}, 0o022: {0o644, 0o655}}
