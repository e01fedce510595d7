"""What became of the jobs that were handed to SLURM, asked with one call for all of them.

The process of a job writes its own status. What it cannot write is recorded here: why it waits, that it was
killed and starts again, and how SLURM ended it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from simsiam_core.jobs.slurm import commands
from simsiam_core.jobs.slurm.commands import JobState, UnreachableError
from simsiam_core.jobs.slurm.states import ENDED, WAITING, ending, sentence
from simsiam_core.runs import RunDirectory, RunError
from simsiam_core.runs.placement import Placement, change_placement, read_placement

POLL_SECONDS = 5.0  # the controller serves a whole cluster
FORGOTTEN = "FORGOTTEN"  # state of a job that SLURM no longer lists
SILENT = "SLURM's controller does not answer; running jobs go on without it, and this is asked again."
RESTARTS = "SLURM starts it again, from its newest checkpoint."


@dataclass(frozen=True)
class _Answer:
    """The states of all jobs that were asked about, or why there are none."""

    jobs: dict[str, JobState]
    silent: bool = False


class SlurmWatch:
    """A follower of jobs in SLURM. Asks in a thread of its own, so that a slow controller holds up nobody."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="squeue")
        self._asked: Future[_Answer] | None = None
        self._asked_at = 0.0
        self._ids: frozenset[str] = frozenset()
        self._ended: dict[str, str] = {}  # job id -> state in which it was seen to have ended

    def __call__(self, jobs: Sequence[RunDirectory]) -> None:
        """Record what is new about jobs, and ask again if it is time to."""
        placements = {job.path: read_placement(job.path) for job in jobs}
        if self._asked is not None and self._asked.done():
            answer, self._asked = self._asked.result(), None
            for job in jobs:
                placement = placements[job.path]
                if placement.job in self._ids:  # it may have been handed over since
                    with contextlib.suppress(RunError, OSError):  # deleted, or read-only; asked again
                        self._record(job, placement, answer)
        if self._asked is None and jobs and time.monotonic() - self._asked_at >= POLL_SECONDS:
            self._asked_at = time.monotonic()
            self._ids = frozenset(placement.job for placement in placements.values())
            self._asked = self._thread.submit(_ask, self._ids)

    def _record(self, job: RunDirectory, placement: Placement, answer: _Answer) -> None:
        if answer.silent:
            change_placement(job.path, note=SILENT)
            return
        found = answer.jobs.get(placement.job) or JobState(placement.job, FORGOTTEN)
        if found.state in ENDED or found.state == FORGOTTEN:
            # Twice: a job that is started again has ended for a moment, and a status may be seen late.
            if self._ended.get(found.id) == found.state:
                _settle(job, found)
            self._ended[found.id] = found.state
            return
        self._ended.pop(found.id, None)
        change_placement(job.path, note=sentence(found))
        if found.state in WAITING:
            _note_waiting(job, sentence(found))


def _ask(ids: frozenset[str]) -> _Answer:
    try:
        return _Answer(commands.job_states(ids))
    except (UnreachableError, RunError):
        return _Answer({}, silent=True)


def _note_waiting(job: RunDirectory, note: str) -> None:
    """Write to the status that a job waits: again, if its process was killed."""
    status = job.status()
    changes = {"activity": note}
    if status.state == "crashed":
        changes = {**status.queued_again(), "activity": RESTARTS}
    elif status.state != "queued" or status.activity == note:
        return
    with job.lock():  # not while its process begins
        if job.status().state == status.state:
            job.update_status(**changes)


def _settle(job: RunDirectory, found: JobState) -> None:
    """Record the end of a job in the status, unless its process did so."""
    status = job.status()
    if status.state in ("queued", "crashed"):
        began = bool(status.step or job.checkpoints())
        if found.state == FORGOTTEN:
            state = "failed"
            error = f"SLURM no longer knows job {found.id}; the log may say how it ended. Resume submits it again."
        else:
            state, error = ending(found.state, commands.exit_code(found.id), began)
        with job.lock():
            if job.status().state == status.state:
                job.update_status(state=state, error=error, ended=time.time(), activity="")
    elif status.state == "running":  # its process has not been heard to end; a heartbeat decides
        return
    change_placement(job.path, settled=True, note="")
