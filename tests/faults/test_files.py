"""Files cut short, full disks, reused pids, and output that nobody reads."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import psutil
import pytest
from tiny import tiny

from simsiam_core.jobs import launch, pause, resume, stop
from simsiam_core.model import load_encoder
from simsiam_core.runs import MetricsReader, MetricsWriter, RunDirectory, RunError, RunStore
from simsiam_core.training.resume import newest

from .conftest import Trainers, wait_for


def test_metrics_cut_at_every_byte_of_their_last_record_lose_nothing_earlier(store: RunStore) -> None:
    run = store.create(tiny())
    lines = [{"step": step, "epoch": 0, "time": 1.0 + step, "train/loss": -step / 7} for step in (1, 2, 3)]
    writer = MetricsWriter(run.metrics_path)
    writer.write(lines)
    writer.close()
    whole = run.metrics_path.read_bytes()
    start = whole[:-1].rindex(b"\n") + 1
    for length in range(start, len(whole)):
        run.metrics_path.write_bytes(whole[:length])
        assert run.metrics() == lines[:2]
        follower = MetricsReader(run.metrics_path)
        assert follower.poll() == lines[:2]
        again = MetricsWriter(run.metrics_path)  # a resumed process starts a clean line
        again.write(lines[2:])
        again.close()
        assert run.metrics() == lines
        assert follower.poll() == lines[2:] or follower.rewinds == 0


def test_status_cut_at_every_byte_is_a_crashed_run_with_all_its_data(store: RunStore) -> None:
    run = store.create(tiny())
    path = run.path / "status.json"
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert run.status().state == "crashed"
        assert [r.id for r in store.runs()] == [run.id]
    assert run.config() == tiny()


def test_a_follower_notices_a_file_that_shrank_and_grew_again(store: RunStore) -> None:
    run = store.create(tiny())
    old = [{"step": step, "time": float(step)} for step in range(1, 9)]
    new = [{"step": step, "time": 100.0 + step} for step in range(4, 12)]
    writer = MetricsWriter(run.metrics_path)
    writer.write(old)
    follower = MetricsReader(run.metrics_path)
    assert follower.poll() == old
    run.metrics_path.unlink()
    writer = MetricsWriter(run.metrics_path)
    writer.write([*old[:3], *new])
    assert follower.poll() == [*old[:3], *new]
    assert follower.rewinds == 1


# --- a full disk --------------------------------------------------------------------------------------


def paused(store: RunStore, trainers: Trainers, **sections: dict) -> RunDirectory:
    """A run with one epoch behind it."""
    run = store.create(tiny(training={"epochs": 60}, knn={"knn_every": 1000}, **sections))
    pid = trainers.start(run)
    wait_for(lambda: run.status().step >= 4)
    pause(run)
    wait_for(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    assert run.status().state == "paused"
    return run


def test_a_disk_too_full_for_a_checkpoint_ends_the_run_cleanly(store: RunStore, trainers: Trainers) -> None:
    run = paused(store, trainers, checkpoints={"checkpoint_every": 1})
    found, lines = newest(run), run.metrics()
    assert found is not None
    resume(run)
    trainers.train(run, file_size_limit=found.path.stat().st_size // 2)
    check_full(run, found.step, lines)
    resume(run)
    trainers.train(run)
    assert run.status().state == "finished"


def test_a_disk_too_full_for_metrics_ends_the_run_cleanly(store: RunStore, trainers: Trainers) -> None:
    run = paused(store, trainers, checkpoints={"checkpoint_every": 1000})
    found, lines = newest(run), run.metrics()
    assert found is not None
    resume(run)
    trainers.train(run, file_size_limit=run.metrics_path.stat().st_size + 1000)
    check_full(run, found.step, lines)


def check_full(run: RunDirectory, step: int, lines: list[dict]) -> None:
    status = run.status()
    assert status.state == "failed", run.log_tail()
    assert "The disk is full" in (status.error or "")
    assert "a checkpoint takes 0." in (status.error or "")
    assert f"from step {step}" in (status.error or "")
    assert run.metrics()[: len(lines)] == lines
    assert run.metrics_path.read_bytes().endswith(b"\n"), "half a line"
    for checkpoint in run.checkpoints():
        load_encoder(checkpoint.path)
    assert not list(run.checkpoints_dir.glob(".*")), "half a checkpoint is left"


def test_a_file_system_without_space_keeps_the_last_word(
    store: RunStore, trainers: Trainers, tmp_path: Path
) -> None:
    """ENOSPC itself, on a small file system in memory, where mounting is allowed."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount a small file system here")
    try:
        run = RunStore(folder).create(
            tiny(training={"epochs": 200}, checkpoints={"checkpoint_every": 1}, knn={"knn_every": 1000})
        )
        trainers.train(run)
        status = run.status()
        assert (status.state, "The disk is full" in (status.error or "")) == ("failed", True), status
        assert [m["step"] for m in run.metrics() if "train/loss" in m] == list(range(1, len(run.metrics())))
        for checkpoint in run.checkpoints():
            load_encoder(checkpoint.path)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # a process may still be leaving


# --- processes ----------------------------------------------------------------------------------------


def test_a_stranger_with_the_recorded_pid_is_never_signalled(store: RunStore) -> None:
    run = store.create(tiny())
    with psutil.Popen(["sleep", "60"]) as stranger:
        recorded = {
            "pid": stranger.pid,
            "pid_started": stranger.create_time() - 1,
            "host": socket.gethostname(),
        }
        run.update_status(state="running", **recorded)
        for act in (stop, pause):
            with pytest.raises(RunError, match="it is crashed"):
                act(run)
        assert stranger.is_running()
        assert stranger.status() != psutil.STATUS_ZOMBIE
        stranger.kill()


def test_a_child_that_prints_five_megabytes_with_nobody_reading_finishes(
    store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('x' * 99, *['y' * 99] * 50_000, sep='\\n')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    run = store.create(tiny(training={"epochs": 1}))
    launch(run)
    wait_for(lambda: run.status().state == "finished")
    assert run.log_path.stat().st_size > 5_000_000
    assert run.log_tail(1)[0].startswith("epoch 1 of 1")
