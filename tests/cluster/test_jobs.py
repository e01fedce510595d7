"""Runs in SLURM from their start to their end, on a real cluster of two nodes."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from tiny import tiny

from simsiam_core.config import Config
from simsiam_core.jobs import (
    Scheduler,
    enqueue,
    enqueue_evaluation,
    extend,
    fork,
    pause,
    read_queue,
    resume,
    stop,
)
from simsiam_core.runs import RunDirectory, RunStore
from simsiam_core.runs.placement import read_placement

from .conftest import Cluster, placed, said, wait_for

pytestmark = pytest.mark.timeout(600)  # on a busy machine a job takes a minute to start
LONG = {"epochs": 400}  # 1,600 steps: longer than a test needs to interrupt it


def config(**training: Any) -> Config:
    """A run without measurements in between, with a safety copy now and then."""
    return tiny(
        training={"epochs": 30, **training},
        knn={"knn_every": 10_000},
        checkpoints={"checkpoint_every": 10_000, "last_every": 0.02},
    )


def losses(run: RunDirectory) -> list[tuple[Any, Any]]:
    return [(line["step"], line["train/loss"]) for line in run.metrics() if "train/loss" in line]


def job_of(run: RunDirectory) -> str:
    return read_placement(run.path).job


def trains(run: RunDirectory, steps: int = 8) -> bool:
    status = run.status()
    assert status.state in ("queued", "running", "crashed"), f"{status.error}\n{run.log_tail()}"
    return status.state == "running" and status.step >= steps


def ends(run: RunDirectory, state: str = "finished") -> None:
    """Wait for its end, also in SLURM."""
    wait_for(lambda: not run.status().active and run.status().state != "crashed", 200, f"{run.status()}")
    assert run.status().state == state, f"{run.status().error}\n{run.log_tail()}"
    wait_for(lambda: read_placement(run.path).settled, 60, "its end was not noted")


@pytest.fixture(scope="module")
def whole(scheduler: Scheduler, store: RunStore) -> RunDirectory:
    """A run that nobody disturbs."""
    (run,) = enqueue(store, [config()], placement=placed())
    return run


@pytest.fixture(scope="module")
def long(scheduler: Scheduler, store: RunStore) -> list[RunDirectory]:
    """Runs to stop, to pause and to cancel, and one on the node that will fail: they start at the same time."""
    node = [placed(), placed(), placed(), placed(extra_lines="--nodelist=n2")]
    return [enqueue(store, [config(**LONG)], placement=where)[0] for where in node]


@pytest.fixture(scope="module")
def hopeless(scheduler: Scheduler, store: RunStore) -> RunDirectory:
    """A run that is warned as soon as it starts, each time."""
    warned = 'while sleep 0.3; do scancel --signal=USR2 "$SLURM_JOB_ID"; done &'
    (run,) = enqueue(store, [config(**LONG)], placement=placed(setup_lines=warned))
    return run


@pytest.fixture(scope="module")
def disturbed(scheduler: Scheduler, store: RunStore) -> RunDirectory:
    (run,) = enqueue(store, [config()], placement=placed())
    return run


def test_a_run_is_followed_live_and_finishes(
    whole: RunDirectory, long: list[RunDirectory], hopeless: RunDirectory, store: RunStore
) -> None:
    wait_for(lambda: job_of(whole), 20, "it was not submitted")
    wait_for(lambda: trains(whole, 1))
    (entry,) = [entry for entry in read_queue(store) if entry.run.id == whole.id]
    wait_for(lambda: "Runs on n" in read_placement(whole.path).note, 20)
    assert f"SLURM job {job_of(whole)}" in entry.reason
    assert whole.metrics()
    script = (whole.path / "job.sbatch").read_text()
    assert "#SBATCH --signal=USR2@120" in script
    assert "#SBATCH --requeue" in script


def test_stop_and_pause_write_a_checkpoint_of_the_last_step(long: list[RunDirectory]) -> None:
    stopped, paused, _, _ = long
    wait_for(lambda: trains(stopped) and trains(paused))
    stop(stopped)
    pause(paused)
    wait_for(lambda: paused.status().state == "paused")
    for run, state in ((stopped, "stopped"), (paused, "paused")):
        assert (run.status().state, run.status().error) == (state, None)
        header = run.checkpoint("last").header()
        assert header is not None
        assert header.step == run.status().step == run.metrics()[-1]["step"]
    before = job_of(paused)
    resume(paused)
    wait_for(lambda: job_of(paused) not in ("", before), 30, "it was not submitted again")
    wait_for(lambda: trains(paused))
    stop(paused)


def test_one_that_is_cancelled_by_somebody_says_so(long: list[RunDirectory]) -> None:
    cancelled = long[2]
    wait_for(lambda: trains(cancelled))
    subprocess.run(["scancel", job_of(cancelled)], check=True)
    ends(cancelled, "stopped")
    assert "cancelled in SLURM" in (cancelled.status().error or "")
    header = cancelled.checkpoint("last").header()
    assert header is not None
    assert header.step == cancelled.status().step


def test_a_run_whose_node_fails_goes_on_elsewhere(long: list[RunDirectory], cluster: Cluster) -> None:
    lost = long[3]
    wait_for(lambda: trains(lost) and lost.checkpoint("last").header().step > 0)
    subprocess.run(["scontrol", "update", "nodename=n2", "state=down", "reason=test"], check=True)
    wait_for(lambda: lost.status().state == "queued", 60, f"{lost.status()}")
    subprocess.run(["scontrol", "update", f"jobid={job_of(lost)}", "reqnodelist=n1"], check=True)
    wait_for(lambda: trains(lost, lost.checkpoint("last").header().step))
    stop(lost)
    wait_for(lambda: _in_service("n2"), 60, "the node did not come back")
    steps = [step for step, _ in losses(lost)]
    assert steps == list(range(steps[0], steps[-1] + 1)), "no step twice, none missing"


def test_a_requeue_in_the_middle_leaves_the_curve_as_it_was(
    whole: RunDirectory, disturbed: RunDirectory
) -> None:
    """As before a preemption or the time limit: the signal, a checkpoint, and one requeue."""
    wait_for(lambda: trains(disturbed))
    subprocess.run(["scancel", "--signal=USR2", job_of(disturbed)], check=True)
    wait_for(lambda: disturbed.status().state == "queued")
    at = disturbed.status().step
    wait_for(lambda: "SLURM" in disturbed.status().activity, 20)
    ends(disturbed)
    ends(whole)
    assert f"Going on from last, step {at}" in "\n".join(disturbed.log_tail(400))
    assert "Restarts=1" in said("scontrol", "show", "job", job_of(disturbed))
    assert losses(disturbed) == losses(whole)


def test_it_is_trained_longer_and_forked_where_it_ran(whole: RunDirectory, store: RunStore) -> None:
    ends(whole)
    before, epochs = job_of(whole), whole.config().training.epochs
    forked = fork(store, whole, "last", {"training": {"epochs": epochs + 1}})
    extend(whole, epochs + 1)
    for run in (whole, forked):
        ends(run)
        assert job_of(run) not in ("", before)
        assert run.status().epoch == epochs + 1
        assert [step for step, _ in losses(run)] == list(range(1, run.status().step + 1))


def test_an_evaluation_is_a_job_too(whole: RunDirectory, store: RunStore) -> None:
    ends(whole)
    job = enqueue_evaluation(store, whole, {"kind": "knn", "checkpoint": "last"})
    ends(job)
    assert job.result() is not None
    assert "--job" in (job.path / "job.sbatch").read_text()


def test_one_that_is_always_warned_before_its_first_step_ends_with_a_sentence(hopeless: RunDirectory) -> None:
    ends(hopeless, "failed")
    assert "a longer time limit" in (hopeless.status().error or "")
    assert "Restarts=3" in said("scontrol", "show", "job", job_of(hopeless))
    assert not losses(hopeless)


def _in_service(node: str) -> bool:
    """Whether a node takes jobs again: it also comes back by itself, when it registers anew."""
    subprocess.run(["scontrol", "update", f"nodename={node}", "state=resume"], capture_output=True)
    return (
        said("sinfo", "-h", f"--nodes={node}", "--states=idle,mixed,allocated", "--format=%D").strip() == "1"
    )
