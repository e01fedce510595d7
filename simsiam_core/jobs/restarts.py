"""A guard against jobs that SLURM interrupts and starts again without end.

A job whose warning comes before its first step, or that never reaches a safety copy, would begin anew for ever.
`restarts.json` in its folder has the step it went on from, and how often SLURM had started it when it first did so.
"""

from __future__ import annotations

import os
import time

from pydantic import BaseModel, ConfigDict, ValidationError

from simsiam_core.jobs.stop_request import restarts
from simsiam_core.runs import RunDirectory
from simsiam_core.runs.files import write_text
from simsiam_core.runs.json_files import DamagedFileError, read_json

RESTARTS_FILE = "restarts.json"
MOST_IN_VAIN = 3
ENDLESS = (
    "SLURM has started this job {times} times again, and each time it was interrupted before anything was saved "
    "that it could go on from ({where}). Give it a longer time limit, a shorter Warning, or more frequent safety "
    "copies; Resume submits it again."
)


class _Restarts(BaseModel):
    """The content of `restarts.json`."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    job: str  # SLURM's id: a job that was submitted anew is counted anew
    step: int
    restarts: int


def given_up(run: RunDirectory) -> bool:
    """Count a start of the job by SLURM; return whether it was started too often in vain, and has now failed.

    Call it in the process that writes the run's status. Raises RunError or OSError.
    """
    job = os.environ.get("SLURM_JOB_ID", "")
    if not restarts() or not job:
        return False
    headers = [checkpoint.header() for checkpoint in run.checkpoints()]
    step = max((header.step for header in headers if header), default=0)
    times = int(os.environ.get("SLURM_RESTART_COUNT", "0"))
    before = _read(run)
    if before is None or before.job != job or before.step < step:
        now = _Restarts(job=job, step=step, restarts=times)
        write_text(run.path / RESTARTS_FILE, now.model_dump_json())
        return False
    if times - before.restarts < MOST_IN_VAIN:
        return False
    where = f"step {step} is the last checkpoint" if headers else "there is no checkpoint"
    error = ENDLESS.format(times=times - before.restarts, where=where)
    print(error, flush=True)
    run.update_status(state="failed", error=error, exit_code=1, ended=time.time(), activity="")
    return True


def _read(run: RunDirectory) -> _Restarts | None:
    """Return what the last start left; None if that is nothing that can be read."""
    try:
        return _Restarts.model_validate(read_json(run.path / RESTARTS_FILE))
    except (DamagedFileError, ValidationError):
        return None
