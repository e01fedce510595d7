"""A job that SLURM starts again and again without a step saved in between ends with a sentence."""

from __future__ import annotations

import pytest
from tiny import tiny

from simsiam_core.jobs.restarts import MOST_IN_VAIN, RESTARTS_FILE, given_up
from simsiam_core.jobs.stop_request import EXECUTOR_VARIABLE
from simsiam_core.runs import Checkpoint, RunDirectory, RunStore
from simsiam_core.runs.header import Header


class Job:
    """A job of SLURM that works on a run."""

    def __init__(self, run: RunDirectory, patch: pytest.MonkeyPatch) -> None:
        self.run, self._patch = run, patch
        patch.setenv(EXECUTOR_VARIABLE, "slurm")

    def starts(self, restarts: int, job: str = "7") -> bool:
        """Start it, as often as that before; whether it is given up."""
        self._patch.setenv("SLURM_JOB_ID", job)
        if restarts:
            self._patch.setenv("SLURM_RESTART_COUNT", str(restarts))
        else:
            self._patch.delenv("SLURM_RESTART_COUNT", raising=False)
        self.run.update_status(state="running")
        return given_up(self.run)

    def saves(self, step: int) -> None:
        """Have a checkpoint of that step."""
        (self.run.checkpoints_dir).mkdir(exist_ok=True)
        (self.run.checkpoints_dir / "last.ckpt").touch()
        self._patch.setattr(Checkpoint, "header", lambda _: Header(step=step, epoch=0, recipe={}))


@pytest.fixture
def job(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> Job:
    return Job(store.create(tiny()), monkeypatch)


def test_one_that_never_takes_a_step_is_given_up_after_three_restarts(job: Job) -> None:
    assert not any(job.starts(number) for number in range(MOST_IN_VAIN))
    assert job.run.status().state == "running"
    assert job.starts(MOST_IN_VAIN)
    status = job.run.status()
    assert (status.state, status.exit_code) == ("failed", 1)
    assert status.error is not None
    assert "started this job 3 times again" in status.error
    assert "there is no checkpoint" in status.error
    assert "longer time limit, a shorter Warning" in status.error


def test_each_step_that_is_saved_gives_it_as_many_again(job: Job) -> None:
    job.saves(0)  # as before the first step
    for number in range(10):
        job.saves(number // MOST_IN_VAIN)
        assert not job.starts(number)
    assert not job.starts(10)
    assert not job.starts(11)
    assert job.starts(12)
    assert "step 3 is the last checkpoint" in (job.run.status().error or "")


def test_one_that_is_submitted_anew_is_counted_anew(job: Job) -> None:
    job.starts(0)
    assert job.starts(MOST_IN_VAIN)
    assert not job.starts(0, "8")
    assert not job.starts(MOST_IN_VAIN - 1, "8")
    assert job.starts(MOST_IN_VAIN, "8")


def test_what_cannot_be_read_is_counted_anew(job: Job) -> None:
    job.starts(0)
    (job.run.path / RESTARTS_FILE).write_text("{")
    assert not job.starts(MOST_IN_VAIN)
    assert job.starts(2 * MOST_IN_VAIN)


def test_outside_of_slurm_nothing_is_counted(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(EXECUTOR_VARIABLE)
    assert not job.starts(0)
    assert not job.starts(MOST_IN_VAIN)
    assert not (job.run.path / RESTARTS_FILE).exists()
