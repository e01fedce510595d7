"""Jobs in SLURM: submitted once, then SLURM's own queue decides."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from simsiam_core.config import ConfigError
from simsiam_core.config.executors.slurm import parse_slurm
from simsiam_core.jobs.executor import Executor, Follow
from simsiam_core.jobs.process import search_path
from simsiam_core.jobs.slurm import commands
from simsiam_core.jobs.slurm.commands import UnreachableError
from simsiam_core.jobs.slurm.script import SCRIPT_FILE, batch_script, environment
from simsiam_core.jobs.slurm.states import ENDED, WAITING, sentence
from simsiam_core.jobs.slurm.watch import SlurmWatch
from simsiam_core.runs import RunDirectory, RunError
from simsiam_core.runs.files import write_text
from simsiam_core.runs.placement import Placement, change_placement, read_placement
from simsiam_core.runs.status import State

SUBMITTED = "Waits as SLURM job {}; SLURM has not said yet why."


class SlurmExecutor(Executor):
    """Batch jobs of a SLURM cluster that shares the folder of runs with this machine."""

    title = "SLURM"
    uses_slots = False

    def unavailable(self) -> str:
        """Return which of SLURM's commands is missing."""
        return commands.unavailable()

    def preview(self, folder: Path, command: Sequence[str], processes: int, placement: Placement) -> str:
        """Return the batch script of a job. Raises RunError."""
        try:
            settings = parse_slurm(placement.settings)
        except ConfigError as error:
            raise RunError(str(error)) from None
        variables = environment(search_path(), settings.cpus)
        return batch_script(folder, folder.name, command, processes, settings, variables)

    def check(self, folder: Path, command: Sequence[str], processes: int, placement: Placement) -> None:
        """Have SLURM test the script, so that an impossible request is refused before anything is queued."""
        if reason := self.unavailable():
            raise RunError(reason)
        try:
            commands.check(self.preview(folder, command, processes, placement))
        except UnreachableError as error:
            raise RunError(f"{error} Try again later.") from None

    def start(
        self, job: RunDirectory, command: Sequence[str], processes: int, variables: Mapping[str, str]
    ) -> None:
        """Submit the job's script; write it first, if it is not there.

        A job is never submitted twice: a submission whose answer was lost is found by its name.
        """
        script = job.path / SCRIPT_FILE
        if not script.exists():
            write_text(script, self.preview(job.path, command, processes, read_placement(job.path)))
        placement = read_placement(job.path)
        known = _submitted_before(job) if placement.submitting else ""
        change_placement(job.path, submitting=True)
        try:
            job_id = known or commands.submit(script)
        except UnreachableError:
            change_placement(job.path, note="SLURM's controller does not answer; this is tried again.")
            raise
        except RunError:
            change_placement(job.path, submitting=False)
            raise
        note = SUBMITTED.format(job_id)
        change_placement(job.path, submitting=False, job=job_id, settled=False, note=note)

    def stop(self, job: RunDirectory, timeout: float) -> None:
        """Signal the processes of a running job, and cancel it after `timeout` seconds; cancel a waiting one."""
        state = job.status().state
        if state in ("queued", "paused") or (state == "crashed" and read_placement(job.path).pending):
            _end_waiting(job, "stopped", timeout)
            return
        _signal(job, "INT")
        if _ended_after(job, timeout):
            return
        commands.cancel(read_placement(job.path).job)
        if not _ended_after(job, timeout):
            raise RunError(f"Run {job.id} was cancelled in SLURM, which takes long; its job is still there.")
        if job.status().state in ("crashed", "queued"):
            error = "Stopped by force: the process did not end by itself; the last checkpoint is older."
            _settle(job, "stopped", error)

    def pause(self, job: RunDirectory) -> None:
        """Signal the processes of a running job; take a waiting one out of SLURM's queue."""
        if job.status().state == "queued":
            _end_waiting(job, "paused", 10.0)
            return
        _signal(job, "USR1")

    def check_ended(self, job: RunDirectory) -> None:
        """Ask SLURM too: a job on a node that is cut off may go on, and one that was killed may start again."""
        placement = read_placement(job.path)
        if placement.pending:
            try:
                found = commands.job_states([placement.job]).get(placement.job)
            except UnreachableError as error:
                raise RunError(f"{error} Resume needs its answer; try again later.") from None
            if found is not None and found.state not in ENDED:
                raise RunError(
                    f"Run {job.id} still has a job in SLURM. {sentence(found)} Stop the run first."
                )
        super().check_ended(job)

    def alone(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return the same on one node, with one GPU at most."""
        return {**settings, "nodes": 1, "gpus": min(1, settings.get("gpus", 0))}

    def follower(self) -> Follow:
        """Return a watch over SLURM's queue."""
        return SlurmWatch()


def _submitted_before(job: RunDirectory) -> str:
    """Return the id of a job of that name which waits or runs; empty if there is none."""
    found = [one.id for one in commands.jobs_named(job.id) if one.state in {*WAITING, "RUNNING", "SUSPENDED"}]
    return found[0] if found else ""


def _signal(job: RunDirectory, name: str) -> None:
    """Signal a running job's processes. Raises RunError if it does not run."""
    status, placement = job.status(), read_placement(job.path)
    if status.state != "running" or not placement.job:
        raise RunError(f"Run {job.id} is not running; it is {status.state}.")
    commands.signal_job(placement.job, name)


def _end_waiting(job: RunDirectory, state: State, timeout: float) -> None:
    """Cancel a job that waits, or has just begun, and record that it has ended."""
    placement = read_placement(job.path)
    if placement.pending:
        commands.cancel(placement.job)
    if not _until(lambda: _settle(job, state, None), timeout):
        raise RunError(f"Run {job.id} has just begun; try again when it is shown as running.")


def _settle(job: RunDirectory, state: State, error: str | None) -> bool:
    """Record the end of a job that nobody works on any more; return whether that was so."""
    try:
        with job.lock():
            if job.status().state != state:
                job.update_status(state=state, error=error, ended=time.time(), activity="")
    except RunError:  # its process holds the lock
        return False
    change_placement(job.path, settled=True, note="")
    return True


def _ended_after(job: RunDirectory, seconds: float) -> bool:
    """Return whether the job's process ends within that time."""
    return _until(lambda: job.status().state != "running", seconds)


def _until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


ENTRY = SlurmExecutor()
