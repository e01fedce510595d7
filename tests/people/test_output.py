"""A person closes the terminal, pipes into `head`, redirects to a full disk: training goes on all the same.

The kind: work that ends, without a checkpoint, because nobody reads what it prints.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from terminals import screen
from tiny import TINY, tiny
from warm import Start, Warm

from simsiam_core import output
from simsiam_core.cli import main
from simsiam_core.jobs import launch, process, stop
from simsiam_core.runs import RunDirectory, RunError, RunStore
from simsiam_core.training.resume import newest

ENDLESS = {**TINY, "training": {**TINY["training"], "epochs": 5000}, "knn": {"k": 5, "knn_every": 5000}}


def until(condition: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def train(warm: Warm, folder: Path, values: dict, **options: object) -> tuple[int, RunDirectory]:
    """Exit code, and the run that `train` made; its output is one of the `options` of Start."""
    (folder / "tiny.yaml").write_text(json.dumps(values))
    argv = ["train", "--config", "tiny.yaml", "--epochs", "1"]
    code = warm.wait(warm.start(Start(argv, folder=str(folder), **options)))  # type: ignore[arg-type]
    (run,) = RunStore(folder / "runs").runs()
    return code, run


def test_the_terminal_is_closed(warm: Warm, tmp_path: Path) -> None:
    """The run goes on, says so, and can be stopped; its checkpoint is of the step it had then or later."""
    (tmp_path / "tiny.yaml").write_text(json.dumps(ENDLESS))
    argv = ["train", "--config", "tiny.yaml"]
    with screen(warm, argv, folder=str(tmp_path), environment={"TERM": "xterm"}) as watched:
        watched.read(" of 20000 steps |")
        (run,) = RunStore(tmp_path / "runs").runs()
        watched.close()
        until(lambda: "The terminal was closed (SIGHUP). The run goes on" in run.log_path.read_text())
        step = run.status().step
        until(lambda: run.status().step > step + 20)
        assert run.status().activity == "Training, its terminal is closed"
        found = newest(run)
        assert found is not None
        assert found.step > 0
        stop(run)
    assert run.status().state == "stopped"
    found = newest(run)
    assert found is not None
    assert found.step == run.status().step
    assert "Traceback" not in run.log_path.read_text()


def test_nohup_stays_in_force(warm: Warm, tmp_path: Path) -> None:
    """A SIGHUP that is ignored from the start is no news."""
    (tmp_path / "tiny.yaml").write_text(json.dumps(ENDLESS))
    argv = ["train", "--config", "tiny.yaml"]
    ignored = ["signal:signal", int(signal.SIGHUP), int(signal.SIG_IGN)]
    pid = warm.start(Start(argv, folder=str(tmp_path), prepare=ignored))
    until(lambda: RunStore(tmp_path / "runs").runs())
    (run,) = RunStore(tmp_path / "runs").runs()
    until(lambda: run.status().step > 0)
    os.kill(pid, signal.SIGHUP)
    step = run.status().step
    until(lambda: run.status().step > step)
    stop(run)
    assert run.status().state == "stopped"
    assert "closed" not in run.log_path.read_text()


def test_the_reader_leaves_after_two_lines(warm: Warm, tmp_path: Path) -> None:
    """`train | head -2`."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    (tmp_path / "tiny.yaml").write_text(json.dumps(TINY))
    pid = warm.start(Start(["train", "--config", "tiny.yaml"], log=str(pipe), folder=str(tmp_path)))
    read = b""

    def two_lines() -> bool:
        nonlocal read
        with contextlib.suppress(BlockingIOError):
            read += os.read(reader, 1000)
        return read.count(b"\n") >= 2

    until(two_lines)
    os.close(reader)
    assert warm.wait(pid) == 0
    check_finished(RunStore(tmp_path / "runs").runs()[0], output.LOST)


def test_the_reader_reads_nothing(warm: Warm, tmp_path: Path) -> None:
    """Ctrl-S, `| less`, a frozen connection: the pipe is full from the start."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader, writer = (os.open(pipe, mode | os.O_NONBLOCK) for mode in (os.O_RDONLY, os.O_WRONLY))
    size = fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    assert os.write(writer, b"x" * size) == size
    code, run = train(warm, tmp_path, TINY, log=str(pipe))
    assert code == 0
    check_finished(run)
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize(
    "options",
    [{"log": "/dev/full"}, {"closed": [1]}, {"closed": [0, 1, 2]}],
    ids=["full disk", ">&-", "none"],
)
def test_there_is_nowhere_to_print(warm: Warm, tmp_path: Path, options: dict) -> None:
    code, run = train(warm, tmp_path, TINY, **options)
    assert code == 0
    check_finished(run)
    assert all(set(line) >= {"step", "epoch", "time"} for line in run.metrics())
    assert len(run.metrics_path.read_text().splitlines()) == len(run.metrics()), "printed into the metrics"


def check_finished(run: RunDirectory, *said: str) -> None:
    assert run.status().state == "finished", run.log_path.read_text()
    found = newest(run)
    assert found is not None
    assert found.step == run.status().total_steps
    log = run.log_path.read_text().splitlines()
    assert log[0] == run.id, "the log of a foreground run begins with its first line"
    assert any("kNN accuracy" in line for line in log)
    assert set(said) <= set(log)
    assert not any("Traceback" in line for line in log)


@pytest.mark.parametrize(("stream", "code"), [("pipe", 0), ("/dev/full", 1)], ids=["| head", "full disk"])
def test_other_commands_end_without_a_traceback(
    warm: Warm, tmp_path: Path, stream: str, code: int, store: RunStore
) -> None:
    run = store.create(tiny())
    lines = [json.dumps({"step": step, "epoch": 0, "time": 1.0, "train/loss": 0.5}) for step in range(5000)]
    run.metrics_path.write_text("\n".join(lines) + "\n")
    errors = tmp_path / "errors.txt"
    reader = -1
    if stream == "pipe":
        stream = str(tmp_path / "pipe")
        os.mkfifo(stream)
        reader = os.open(stream, os.O_RDONLY | os.O_NONBLOCK)
    redirected = ["warm:redirect_stderr", str(errors), reader]
    pid = warm.start(Start(["runs", "export", str(run.path)], log=stream, prepare=redirected))
    if reader >= 0:
        until(lambda: errors.exists())
        os.close(reader)
    assert warm.wait(pid) == code
    assert errors.read_text() == ("Cannot write the output: No space left on device.\n" if code else "")


def test_the_log_is_plain_text(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Colours and rewritten lines of other programs' progress bars do not get into it."""
    with output.recorded(tmp_path / "log.txt"):
        print("\x1b[1;31mred\x1b[0m and \x1b]0;title\x07plain")
        for share in range(0, 101, 10):
            print(f"\rloading {share} %", end="", file=sys.stderr)
        print("\nönly\udcff")
    assert (tmp_path / "log.txt").read_text() == "red and plain\n\nönly\\udcff\nloading 100 %\n"
    assert "\x1b[1;31mred" in capsys.readouterr().out, "the terminal gets what was printed"


def test_help_where_only_ascii_can_be_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """PYTHONIOENCODING=ascii, or a terminal of long ago."""
    printed = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(printed, "ascii", write_through=True))
    with pytest.raises(SystemExit) as end:
        main(["train", "--help"])
    assert end.value.code == 0
    assert len(printed.getvalue()) > 10_000


def test_a_process_that_takes_long_to_start_is_not_given_up(
    store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cold network drive: it lives, and is told as ended only when it has ended."""
    goes_on = tmp_path / "goes on"
    waits = f"import os, time\nwhile not os.path.exists({str(goes_on)!r}): time.sleep(0.02)\nos._exit(3)"
    (tmp_path / "sitecustomize.py").write_text(waits)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(process, "START_SECONDS", 0.05)
    run = store.create(tiny())
    launch(run)
    status = run.status()
    assert (status.state, status.activity) == ("running", process.STARTING)
    goes_on.touch()
    until(lambda: run.status().state == "failed")
    assert run.status().error == process.ENDED_EARLY
    with pytest.raises(RunError, match="it is failed"):
        stop(run)
