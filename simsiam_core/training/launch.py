"""Several processes for one run on this machine, by torchrun; on a cluster, srun starts them instead."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from types import FrameType

import torch
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from simsiam_core.jobs.stop_request import SIGNALS, Interrupted, StopRequest
from simsiam_core.runs import RunDirectory


def launch_ranks(run: RunDirectory, request: StopRequest, words: Sequence[str] = ()) -> int:
    """Train a run in as many processes as its config has devices; return the exit code of the first one.

    Each is `train --run` with the `words` after it. The first one writes the run, and gets the signals that
    this process gets. If one fails, torchrun ends the others.
    """
    count = run.config().training.devices
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, torch.get_num_threads() // count)))
    error = ""
    with tempfile.TemporaryDirectory(prefix="simsiam-") as folder:
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=count,
            run_id=run.id,
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",
            local_addr="localhost",
            max_restarts=0,
            logs_specs=DefaultLogsSpecs(log_dir=folder),
            signals_to_handle="SIGQUIT",
        )
        _pass_on_signals(run, request)
        try:
            with request.raising():
                elastic_launch(config, sys.executable)(
                    "-m", "simsiam_core", "train", "--run", str(run.path), *words
                )
        except Interrupted:
            run.update_status(**request.ending(run.status()))
        except ChildFailedError as problem:
            index, failure = problem.get_first_failure()
            error = (
                f"Process {index + 1} of {count} ended with exit code {failure.exitcode}; the log says why."
            )
    status = run.status()
    if error and status.state in ("running", "crashed"):  # none of them could say it
        status = run.update_status(state="failed", error=error, exit_code=1, ended=time.time(), activity="")
    return status.exit_code or 0


def _pass_on_signals(run: RunDirectory, request: StopRequest) -> None:
    """Send signals on to the first process; before it works on the run, they interrupt this one."""

    def handle(number: int, frame: FrameType | None) -> None:
        first = run.status().pid
        if first in (None, os.getpid()):
            request.note(number, frame)
        else:
            os.kill(first, number)

    for number in SIGNALS:
        if signal.getsignal(number) == request.note:
            signal.signal(number, handle)
