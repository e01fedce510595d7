"""A training job as a detached process: it outlives the page, the browser and the server."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from simsiam_core.runs import RunDirectory, RunError
from simsiam_core.runs.status import process_alive

PROJECT_DIR = Path(__file__).resolve().parents[2]
START_SECONDS = 30.0  # until the process has said that it lives; it says so before its heavy imports
TERM_SECONDS = 60.0  # until the end of a step and its checkpoint


def launch(run: RunDirectory, command: Sequence[str] | None = None) -> None:
    """Start the process of a queued run, and return once it has announced itself.

    `command` are the words after `python -m simsiam_core`; without them the run is trained.

    It gets a session of its own, so no signal meant for the server reaches it, and writes to a file, so
    it never waits for a reader. Raises RunError if it ends before it has announced itself.
    """
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(PROJECT_DIR), os.environ.get("PYTHONPATH")])
    )
    with run.log_path.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "simsiam_core", *(command or ("train", "--run", str(run.path)))],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=run.path,
            env=environment,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_SECONDS
    while run.status().state == "queued":
        if process.poll() is not None or time.monotonic() > deadline:
            sentence = "The training process ended before it could start; the log says why."
            run.update_status(state="failed", error=sentence, ended=time.time())
            raise RunError(sentence)
        time.sleep(0.02)


def stop(run: RunDirectory, timeout: float = TERM_SECONDS) -> None:
    """Ask a run's process group to end, wait, and kill what is left. Raises RunError if it is not running.

    The process ends at the next step boundary with a checkpoint. Only the very process that the status
    names, by pid and start time, is ever signalled.
    """
    status = run.status()
    if status.state == "queued":
        run.update_status(state="stopped", ended=time.time())
        return
    if status.state != "running" or status.pid is None:
        raise RunError(f"Run {run.id} is not running; it is {status.state}.")
    if status.host != socket.gethostname():
        raise RunError(f"Run {run.id} is on the machine {status.host}; stop it there.")
    family = _family(status.pid, status.pid_started)
    _signal(status.pid, status.pid_started, signal.SIGTERM)
    _, left = psutil.wait_procs(family, timeout=timeout)
    if left:
        for process in left:
            process.kill()
        psutil.wait_procs(left, timeout=10)
        if run.status().state == "crashed":
            sentence = "Stopped by force: the process did not end by itself; the last checkpoint is older."
            run.update_status(state="stopped", error=sentence, ended=time.time())


def _family(pid: int, started: float | None) -> list[psutil.Process]:
    if not process_alive(pid, started):
        return []
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def _signal(pid: int, started: float | None, number: signal.Signals) -> None:
    """Signal the group where the process leads one (a job), the process alone otherwise (a terminal's)."""
    if not process_alive(pid, started):
        return
    if os.getpgid(pid) == pid and pid != os.getpgid(0):
        os.killpg(pid, number)
    else:
        os.kill(pid, number)
