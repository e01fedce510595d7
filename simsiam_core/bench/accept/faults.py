"""Fault injection on a GPU: each time the run must end with a clear error and be resumable."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import torch

from simsiam_core.bench.accept.rows import NO_GPU, NO_TIME, Place, Row, equal, skipped, until, within
from simsiam_core.bench.accept.training import small
from simsiam_core.bench.train_to_end import quiet
from simsiam_core.config import Config
from simsiam_core.data import load
from simsiam_core.features.encode import encode
from simsiam_core.jobs import pause, resume, stop
from simsiam_core.metrics.train_loss import TRAIN_LOSS
from simsiam_core.model import load_encoder
from simsiam_core.runs import RunDirectory
from simsiam_core.training.worker import train

MEMORY_SHARE = 0.05
LARGE_BATCH = 4_000  # all texture images; about 25 GB with a full ResNet-18
FREE_BYTES = 1 << 30  # left free by the program that occupies the GPU
START_SECONDS, END_SECONDS = 120.0, 60.0
OCCUPY = """
import sys, torch
free, _ = torch.cuda.mem_get_info()
held = torch.empty(max(0, free - int(sys.argv[1])), dtype=torch.uint8, device="cuda")
print("occupied", flush=True)
sys.stdin.read()
"""
READ = """
import sys
from pathlib import Path
import torch
from simsiam_core.data import load
from simsiam_core.features.encode import encode
from simsiam_core.model import load_encoder
assert not torch.cuda.is_available()
encoder = load_encoder(Path(sys.argv[1]))
torch.save(encode(encoder, load(encoder.config.data).train.limit(50)), sys.argv[2])
"""


def check(place: Place) -> Iterator[Row]:
    """Check jobs started as by the scheduler; checks that need a GPU are skipped without one."""
    run = None
    try:
        run = place.store.create(_long(place))
        yield from _pause_kill_and_stop(place, run)
        yield _read_without_gpu(place, run)
    finally:
        _end(run)
    if not place.gpu:
        yield from skipped(["stop while compiling", "memory share of 5 %", "occupied GPU"], NO_GPU)
        return
    for name, look, seconds in (
        ("memory share of 5 %", _memory_share, 20),
        ("occupied GPU", _occupied, 20),
        ("stop while compiling", _stop_while_compiling, END_SECONDS),
    ):
        yield from look(place) if place.left > seconds else skipped([name], NO_TIME)


def _long(place: Place, **training: object) -> Config:
    settings = {"epochs": 5000, "compile": "never", **training}
    return small(
        place, {"training": settings, "knn": {"knn_every": 5000}, "checkpoints": {"last_every": 0.01}}
    )


def _pause_kill_and_stop(place: Place, run: RunDirectory) -> Iterator[Row]:
    if not _start(place, run, 0):
        yield Row("a job trains", False, run.status().state, note=_why(run))
        return
    pause(run)
    seconds = until(lambda: not run.status().active, END_SECONDS)
    yield within("pause, s", seconds or float("inf"), END_SECONDS)
    yield equal("state after the pause", run.status().state, "paused", run.status().error or "")
    step = run.status().step
    resume(run)
    yield Row(
        "it goes on", _start(place, run, step), f"from step {step} to {run.status().step}", note=_why(run)
    )
    os.kill(run.status().pid or 0, signal.SIGKILL)
    until(lambda: not run.status().active, END_SECONDS)
    yield equal("state after a kill", run.status().state, "crashed")
    step = run.status().step
    resume(run)
    going = _start(place, run, 0)
    yield Row("it goes on after the kill", going, f"to step {run.status().step}", note=_why(run))
    stop(run)
    yield equal("state after a stop", run.status().state, "stopped", run.status().error or "")
    steps = [line["step"] for line in run.metrics() if TRAIN_LOSS in line]
    wrong = (
        len(set(range(1, run.status().step + 1)).symmetric_difference(steps)) + len(steps) - len(set(steps))
    )
    yield equal("steps missing or twice", wrong, 0, f"{len(steps)} steps in four processes")


def _read_without_gpu(place: Place, run: RunDirectory) -> Row:
    """Compare features of the last checkpoint encoded without a visible GPU with those of this device."""
    name, path = "checkpoint read without a GPU, features apart", run.checkpoint().path
    encoder = load_encoder(path, place.device)
    images = load(encoder.config.data).train.limit(50)
    here = encode(encoder, images, place.device)
    if not place.gpu:
        return within(name, float((here - encode(load_encoder(path), images)).abs().max()), 1e-3)
    out = place.folder / "features.pt"
    answer = _python(READ, str(path), str(out), CUDA_VISIBLE_DEVICES="")
    if answer.returncode:
        return Row(name, False, "it fails", note=(answer.stderr.strip().splitlines() or [""])[-1])
    return within(name, float((here - torch.load(out, weights_only=True)).abs().max()), 1e-3)


def _stop_while_compiling(place: Place) -> Iterator[Row]:
    run = place.store.create(_long(place, compile="always"))
    try:
        place.launch(run, {})
        until(lambda: run.status().activity.startswith("Preparing") or not run.status().active, START_SECONDS)
        pid, activity = run.status().pid, run.status().activity
        family = psutil.Process(pid).children(recursive=True) if pid and run.status().active else []
        began = time.monotonic()
        stop(run)
        seconds = time.monotonic() - began
        left = [process.pid for process in family if process.is_running()]
        yield Row(
            "stop while compiling",
            run.status().state == "stopped" and not left and activity.startswith("Preparing"),
            f"{run.status().state}, {len(left)} processes left",
            "stopped, 0 left",
            f"{run.status().error or ''} {seconds:.0f} s".strip(),
        )
    finally:
        _end(run)


def _occupied(place: Place) -> Iterator[Row]:
    """Check that a run that does not fit on an occupied GPU names a batch size or the other program."""
    command = [sys.executable, "-c", OCCUPY, str(FREE_BYTES)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdin is not None
        try:
            held = other.stdout.readline().strip()
            status = _tried(place, LARGE_BATCH).status()
            said = "memory" in (status.error or "") and "Traceback" not in (status.error or "")
            passed = held == "occupied" and status.state == "failed" and said
            yield Row("occupied GPU", passed, status.error or status.state, "a sentence")
        finally:
            other.stdin.close()
            other.wait(30)


def _memory_share(place: Place) -> Iterator[Row]:
    """Check that with little memory a large batch fails with advice, and the advised batch trains."""
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(MEMORY_SHARE)
    try:
        error = _tried(place, LARGE_BATCH).status().error or ""
        advised = re.search(r"about (\d+) would fit", error)
        yield Row(
            f"memory share of {MEMORY_SHARE:.0%}: a batch is advised", bool(advised), error or "it fits"
        )
        if advised:
            status = _tried(place, int(advised[1])).status()
            yield Row("the advised batch trains", status.state == "finished", status.error or status.state)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


def _tried(place: Place, batch_size: int) -> RunDirectory:
    """Train a full ResNet-18 in this process for one epoch, which may fail; returns the run."""
    changes = {
        "data": {"train_limit": 4000, "test_limit": 100},
        "model": {"backbone": "resnet18", "stem": "cifar", "width": 64, "projector_dim": 2048},
        "training": {"batch_size": batch_size, "epochs": 1, "compile": "never"},
        "knn": {"knn_every": 100},
    }
    run = place.store.create(small(place, changes))
    with quiet():
        train(run)
    return run


def _start(place: Place, run: RunDirectory, beyond: int) -> bool:
    """Start the run's process; return whether it trains past that step."""
    place.launch(run, {})
    until(lambda: run.status().step > beyond + 2 or not run.status().active, START_SECONDS)
    return run.status().state == "running" and run.status().step > beyond


def _why(run: RunDirectory) -> str:
    return run.status().error or ""


def _end(run: RunDirectory | None) -> None:
    if run is not None and run.status().active:
        stop(run, timeout=10)


def _python(code: str, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        **variables,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    return subprocess.run(
        [sys.executable, "-c", code, *words], env=environment, capture_output=True, text=True, timeout=300
    )
