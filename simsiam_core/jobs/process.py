"""Jobs as detached processes, which outlive the page, the browser and the server."""

from __future__ import annotations

import contextlib
import os
import signal
import site
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import psutil

from simsiam_core.config.cache import CACHE_VARIABLE, cache_dir
from simsiam_core.jobs.executor import TERM_SECONDS
from simsiam_core.jobs.kinds import KINDS
from simsiam_core.jobs.stop_request import PAUSE
from simsiam_core.runs import RunDirectory, RunError
from simsiam_core.runs.crash import log_end
from simsiam_core.runs.liveness import folder_identity, is_here
from simsiam_core.runs.processes import machine_id, process_alive, process_identity
from simsiam_core.runs.status import State

PROJECT_DIR = Path(__file__).resolve().parents[2]
START_SECONDS = 30.0  # for a process to write its status, which it does before heavy imports
ENDED_EARLY = "The process ended before it could start; the log says why."
STARTING = "Starting, which takes long: the machine is busy, or the file system slow"
CPU_JOB_NICENESS = 5  # a CPU job uses every core; the page must stay responsive


def launch(
    run: RunDirectory, variables: Mapping[str, str] | None = None, command: Sequence[str] | None = None
) -> None:
    """Start the process of a queued run; return once its status says so or it has lived for `START_SECONDS`.

    `variables` are added to its environment, such as the GPU it may see; `command` holds the arguments of
    `python -m simsiam_core`, by default those that train the run.

    The process gets its own session, so signals meant for the server do not reach it, and logs to a file, so
    it never blocks on a pipe. Raises RunError if it cannot start or ends before it has written its status.
    """
    environment = {**os.environ, **(variables or {}), "PYTHONUNBUFFERED": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(search_path())
    if environment.get(CACHE_VARIABLE):
        environment[CACHE_VARIABLE] = str(cache_dir())
    with _log(run) as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "simsiam_core", *(command or KINDS["training"].command(run))],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=run.path,
            env=environment,
            start_new_session=True,
        )
    if not environment.get("CUDA_VISIBLE_DEVICES"):
        with contextlib.suppress(psutil.Error):
            psutil.Process(process.pid).nice(CPU_JOB_NICENESS)
    deadline = time.monotonic() + START_SECONDS
    while run.status().state == "queued":
        if process.poll() is not None:
            run.update_status(state="failed", error=ENDED_EARLY, ended=time.time())
            raise RunError(ENDED_EARLY)
        if time.monotonic() > deadline:
            _announce(run, process)
        time.sleep(0.02)
    # Reap the process: a zombie would keep `runs stop` in a terminal waiting for its end.
    threading.Thread(target=_record_end, args=(run, process), name=f"end of {run.id}", daemon=True).start()


def search_path() -> list[str]:
    """Return the PYTHONPATH entries of the job.

    They are absolute, since the job runs in another folder. A checkout is included; site-packages is not,
    since its modules could then shadow those of the standard library.
    """
    named = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    installed = str(PROJECT_DIR) in (*site.getsitepackages(), site.getusersitepackages())
    return [*([] if installed else [str(PROJECT_DIR)]), *map(os.path.abspath, named)]


def _announce(run: RunDirectory, process: subprocess.Popen[bytes]) -> None:
    """Write the status of a live process that has not done so, so that the run is not started twice."""
    with contextlib.suppress(psutil.NoSuchProcess):
        pid, started = process_identity(process.pid)
        run.update_status(
            state="running",
            activity=STARTING,
            pid=pid,
            pid_started=started,
            boot=machine_id(),
            folder=folder_identity(run.path),
            host=socket.gethostname(),
            started=time.time(),
        )


def _record_end(run: RunDirectory, process: subprocess.Popen[bytes]) -> None:
    """Wait for a process to end; record what ended it, and a failure if it never wrote its status."""
    log_end(run.log_path, process.wait())
    status = run.status()
    if (status.state, status.activity, status.pid) == ("crashed", STARTING, process.pid):
        run.update_status(state="failed", error=ENDED_EARLY, ended=time.time(), activity="")


def _log(run: RunDirectory) -> BinaryIO:
    try:
        return run.log_path.open("ab")
    except OSError as error:
        raise RunError(f"The log of run {run.id} cannot be written: {error.strerror}.") from None


def stop(run: RunDirectory, timeout: float = TERM_SECONDS) -> None:
    """Send SIGTERM to a run's process group, wait, and kill what is left. Raises RunError if not running.

    The process ends after the current step with a checkpoint. Only the process that the status identifies, by
    pid and start time, is ever signalled.
    """
    if run.status().state in ("queued", "paused"):
        _end_waiting(run, "stopped")
        return
    pid, started = _process_of(run)
    family = _family(pid, started)
    _signal(pid, started, signal.SIGTERM)
    if left := _alive_after(family, timeout):
        for process in left:
            process.kill()
        if left := _alive_after(left, 10):
            pids = ", ".join(str(process.pid) for process in left)
            raise RunError(f"Run {run.id} left processes that cannot be ended: {pids}.")
        if run.status().state == "crashed":
            sentence = "Stopped by force: the process did not end by itself; the last checkpoint is older."
            run.update_status(state="stopped", error=sentence, ended=time.time())


def pause(run: RunDirectory) -> None:
    """Signal a run to write a checkpoint after the current step and end; it keeps its place in the queue.

    Returns at once. A waiting run becomes paused. Raises RunError if it neither runs nor waits.
    """
    if run.status().state == "queued":
        _end_waiting(run, "paused")
        return
    pid, started = _process_of(run)
    if process_alive(pid, started):
        os.kill(pid, PAUSE)  # not the group: SIGUSR1 would kill its child processes


def _process_of(run: RunDirectory) -> tuple[int, float | None]:
    """Return the pid and start time of a run's process. Raises RunError."""
    status = run.status()
    if status.state != "running" or status.pid is None:
        raise RunError(f"Run {run.id} is not running; it is {status.state}.")
    if not is_here(status):
        raise RunError(f"Run {run.id} is on the machine {status.host}; stop it there.")
    return status.pid, status.pid_started


def _end_waiting(run: RunDirectory, state: State) -> None:
    """Take a waiting run out of the queue; its lock keeps a process that is just starting from continuing."""
    with run.lock():
        run.update_status(state=state, ended=time.time(), activity="")


def _family(pid: int, started: float | None) -> list[psutil.Process]:
    """Return the process, its children, and all processes in the session it leads, orphans included."""
    if not process_alive(pid, started):
        return []
    process = psutil.Process(pid)
    family = {process, *process.children(recursive=True)}
    if os.getsid(pid) == pid:
        for other in psutil.process_iter():
            try:
                if os.getsid(other.pid) == pid:
                    family.add(other)
            except OSError:  # it has ended
                continue
    return list(family)


def _alive_after(family: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Return the processes still alive after that time, without zombies, which a busy server reaps late."""
    deadline = time.monotonic() + seconds
    while left := [process for process in family if _is_alive(process)]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
    return left


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _signal(pid: int, started: float | None, number: signal.Signals) -> None:
    """Signal the process group if the process leads one (a job), else the process (in a terminal)."""
    if not process_alive(pid, started):
        return
    if os.getpgid(pid) == pid and pid != os.getpgid(0):
        os.killpg(pid, number)
    else:
        os.kill(pid, number)
