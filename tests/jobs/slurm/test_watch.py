"""What the watch records of SLURM's answers. Here the answers are given; tests/cluster has real ones."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from pretended import end
from tiny import tiny

from simsiam_core.jobs import stop
from simsiam_core.jobs.control import resume
from simsiam_core.jobs.slurm import commands, watch
from simsiam_core.jobs.slurm.commands import JobState, UnreachableError
from simsiam_core.jobs.slurm.watch import SlurmWatch
from simsiam_core.runs import RunDirectory, RunError, RunStore
from simsiam_core.runs.placement import Placement, read_placement

Ask = Callable[[str], None]


@pytest.fixture
def run(store: RunStore) -> RunDirectory:
    """One that was handed over as job 7."""
    return store.create(tiny(), placement=Placement(executor="slurm", job="7"))


@pytest.fixture
def told(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Have SLURM answer with a state (or nothing for ""), and the watch record it."""
    watching, state = SlurmWatch(), {"now": ""}

    def answer(ids: object) -> dict[str, JobState]:
        if state["now"] == "silent":
            raise UnreachableError("no answer")
        name, _, reason = state["now"].partition(" ")
        return {"7": JobState("7", name, reason, "n1")} if name else {}

    monkeypatch.setattr(commands, "job_states", answer)
    monkeypatch.setattr(commands, "exit_code", lambda _: "3:0")
    monkeypatch.setattr(commands, "cancel", lambda _: None)
    monkeypatch.setattr(watch, "POLL_SECONDS", 0.0)

    def tell(now: str) -> None:
        state["now"] = now
        if watching._asked is not None:
            watching._asked.result()
            watching([])  # its answer is of before
        watching([run])
        assert watching._asked is not None
        watching._asked.result()
        watching([run])

    return tell


def dead(run: RunDirectory) -> None:
    """As if its process had been killed without a word."""
    run.update_status(state="running", pid=2**30, pid_started=1.0, host="gone", step=5, heartbeat=1.0)

    os.utime(run.path / "status.json", (1e9, 1e9))


def test_why_it_waits_stands_in_the_status_and_the_note(run: RunDirectory, told: Ask) -> None:
    told("PENDING Priority")
    assert "other jobs are before it (Priority)" in run.status().activity
    assert run.status().activity == read_placement(run.path).note
    told("silent")
    assert "does not answer" in read_placement(run.path).note
    told("RUNNING")
    assert read_placement(run.path).note == "Runs on n1 as SLURM job 7."


def test_a_killed_process_whose_job_waits_is_queued_again(run: RunDirectory, told: Ask) -> None:
    dead(run)
    assert run.status().state == "crashed"
    told("RUNNING")
    assert run.status().state == "crashed", "SLURM has not noticed yet"
    told("PENDING BeginTime")
    assert run.status().state == "queued"
    assert run.status().step == 5


@pytest.mark.parametrize(
    ("state", "becomes", "words"),
    [
        ("CANCELLED", "stopped", "cancelled in SLURM"),
        ("OUT_OF_MEMORY", "failed", "more memory"),
        ("FAILED", "failed", "exit code 3"),
        ("", "failed", "no longer knows job 7"),
    ],
)
def test_an_end_counts_when_it_was_seen_twice(
    run: RunDirectory, told: Ask, state: str, becomes: str, words: str
) -> None:
    told(state)
    assert run.status().state == "queued", "a job that is requeued has ended for a moment"
    told(state)
    assert run.status().state == becomes
    assert words in (run.status().error or "")
    assert not read_placement(run.path).pending


def test_a_requeue_between_two_looks_is_no_end(run: RunDirectory, told: Ask) -> None:
    told("PREEMPTED")
    told("PENDING BeginTime")
    told("PREEMPTED")
    assert run.status().state == "queued"


def test_what_the_process_wrote_itself_stays(run: RunDirectory, told: Ask) -> None:
    end(run)
    told("COMPLETED")
    told("COMPLETED")
    assert (run.status().state, run.status().error) == ("finished", None)
    assert read_placement(run.path).settled


def test_resume_waits_until_no_job_is_left(run: RunDirectory, told: Ask) -> None:
    dead(run)
    told("RUNNING")
    with pytest.raises(RunError, match="still has a job in SLURM"):
        resume(run)
    stop(run)
    assert run.status().state == "stopped"
    resume(run)
    assert run.status().state == "queued"
    assert read_placement(run.path) == Placement(executor="slurm")
