from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from simsiam_core.config import Config
from simsiam_core.runs import MetricsReader, MetricsWriter, RunDirectory, RunError, RunStore, Status
from simsiam_core.runs.files import replacing
from simsiam_core.runs.processes import process_identity


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


@pytest.fixture
def run(store: RunStore) -> RunDirectory:
    return store.create(Config(name="My first try"))


def test_a_new_run_is_queued_and_carries_its_config(store: RunStore, run: RunDirectory) -> None:
    assert run.id.split("-")[2:-1] == ["my", "first", "try"]
    assert run.status().state == "queued"
    assert RunDirectory(run.path).config() == Config(name="My first try")
    assert [r.id for r in store.runs()] == [run.id]


def test_runs_are_found_by_id_prefix_and_path(store: RunStore, run: RunDirectory) -> None:
    other = store.create(Config(name="other"))
    assert store.find(run.id).id == run.id
    assert store.find(str(other.path)).id == other.id
    shared = next(i for i, (a, b) in enumerate(zip(run.id, other.id, strict=False)) if a != b)
    assert store.find(run.id[: shared + 1]).id == run.id
    with pytest.raises(RunError, match="fits 2 runs"):
        store.find(run.id[:6])
    with pytest.raises(RunError, match="no run 'nothing'"):
        store.find("nothing")


@pytest.mark.parametrize("reference", ["..", "../x", "/etc", ".", ""])
def test_the_page_reaches_no_other_folder(store: RunStore, run: RunDirectory, reference: str) -> None:
    with pytest.raises(RunError):
        store.get(reference)


def test_unwritable_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="Cannot write to the runs folder"):
        RunStore(tmp_path / "file").create(Config())


# --- status ---------------------------------------------------------------------------------------


def running(**changes: object) -> Status:
    pid, started = process_identity(os.getpid())
    base = {"state": "running", "pid": pid, "pid_started": started, "host": socket.gethostname()}
    return Status.model_validate({**base, "heartbeat": time.time(), **changes})


def test_a_living_process_is_running(run: RunDirectory) -> None:
    run.write_status(running())
    assert run.status().state == "running"


def test_a_dead_pid_is_crashed_and_the_file_keeps_its_word(run: RunDirectory) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    pid, started = process_identity(process.pid)
    run.write_status(running(pid=pid, pid_started=started))
    assert run.status().state == "running"
    process.kill()
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # dead, and still a zombie
    zombie = run.status()
    process.communicate()
    assert zombie.state == run.status().state == "crashed"
    assert "without a word" in (run.status().error or "")
    assert json.loads((run.path / "status.json").read_text())["state"] == "running"


def test_a_reused_pid_is_not_taken_for_the_run(run: RunDirectory) -> None:
    run.write_status(running(pid_started=process_identity(os.getpid())[1] - 100))
    assert run.status().state == "crashed"


def test_another_machine_is_judged_by_its_heartbeat(run: RunDirectory) -> None:
    run.write_status(running(host="elsewhere", pid=1))
    assert run.status().state == "running"
    run.write_status(running(host="elsewhere", pid=1, heartbeat=time.time() - 1000))
    assert run.status().state == "crashed"


def test_status_cut_at_any_byte_is_read_without_error(run: RunDirectory) -> None:
    path = run.path / "status.json"
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert run.status().state == "crashed"


def test_replacing_leaves_the_old_file_when_writing_fails(tmp_path: Path) -> None:
    target = tmp_path / "x.json"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(target) as temporary:
        temporary.write_text(f"half{1 // 0}")
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


# --- metrics ----------------------------------------------------------------------------------------


def test_a_reader_gets_each_line_once(run: RunDirectory) -> None:
    writer, reader = MetricsWriter(run.metrics_path), MetricsReader(run.metrics_path)
    assert reader.poll() == []
    writer.write([{"step": 1, "train/loss": -0.1}, {"step": 2, "train/loss": -0.2}])
    assert [m["step"] for m in reader.poll()] == [1, 2]
    assert reader.poll() == []
    writer.write([{"step": 3}])
    assert [m["step"] for m in reader.poll()] == [3]


def test_metrics_cut_at_any_byte_of_the_last_line_lose_nothing_earlier(run: RunDirectory) -> None:
    first, second = b'{"step":1,"train/loss":-0.5}\n', b'{"step":2,"train/loss":-0.75}\n'
    for length in range(len(second)):
        run.metrics_path.write_bytes(first + second[:length])
        assert [m["step"] for m in run.metrics()] == [1]
        writer = MetricsWriter(run.metrics_path)
        writer.write([{"step": 3}])
        writer.close()
        assert [m["step"] for m in run.metrics()] == [1, 3]


def test_a_line_that_comes_in_pieces_is_read_when_whole(run: RunDirectory) -> None:
    reader = MetricsReader(run.metrics_path)
    run.metrics_path.write_bytes(b'{"step":1')
    assert reader.poll() == []
    with run.metrics_path.open("ab") as file:
        file.write(b"}\n")
    assert reader.poll() == [{"step": 1}]


def test_foreign_lines_are_passed_over(run: RunDirectory) -> None:
    run.metrics_path.write_bytes(b'nonsense\n[1]\n{"no": 1}\n{"step": 4}\n')
    assert run.metrics() == [{"step": 4}]


# --- log and checkpoints ----------------------------------------------------------------------------


def test_log_tail_shows_the_last_state_of_rewritten_lines(run: RunDirectory) -> None:
    run.log_path.write_bytes(b"first\n 10%\r 20%\r100%\nlast\xff\n")
    assert run.log_tail(2) == ["100%", "last\ufffd"]


def test_checkpoints_are_listed_by_epoch_and_found_by_name_only(run: RunDirectory) -> None:
    with pytest.raises(RunError, match="no checkpoint yet"):
        run.checkpoint()
    for name in (
        "epoch=0010.ckpt",
        "epoch=0002.ckpt",
        "last.ckpt",
        ".epoch=0012.ckpt.x.part",
        "epoch=x.ckpt",
    ):
        (run.checkpoints_dir / name).write_bytes(b"")
    assert [(c.name, c.epoch) for c in run.checkpoints()] == [
        ("epoch=0002", 2),
        ("epoch=0010", 10),
        ("last", None),
    ]
    assert run.checkpoint("epoch=0010").path.name == "epoch=0010.ckpt"
    with pytest.raises(RunError, match=r"there are: epoch=0002, epoch=0010, last"):
        run.checkpoint("../../secret")
