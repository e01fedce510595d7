"""What a cluster does to its jobs, and what it refuses; sweeps, several nodes, and a killed dashboard."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tiny import tiny

from simsiam_core.jobs import Scheduler, enqueue, read_queue, stop
from simsiam_core.jobs.executor import EXECUTORS
from simsiam_core.jobs.kinds import kind_of
from simsiam_core.runs import RunDirectory, RunError, RunStore
from simsiam_core.runs.placement import read_placement

from .conftest import Cluster, placed, said, wait_for
from .test_jobs import LONG, config, ends, job_of, losses, trains

pytestmark = pytest.mark.timeout(600)  # on a busy machine a job takes a minute to start
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def limited(scheduler: Scheduler, store: RunStore) -> RunDirectory:
    """A run that SLURM warns the next time that it looks, every half minute: its limit is lowered while it trains."""
    (run,) = enqueue(store, [config(epochs=4000)], placement=placed(time_limit="60", warning=110))
    wait_for(lambda: trains(run))
    minutes = int(run.status().working_seconds // 60) + 2
    subprocess.run(["scontrol", "update", f"jobid={job_of(run)}", f"timelimit={minutes}"], check=True)
    return run


@pytest.fixture(scope="module")
def preempted(scheduler: Scheduler, store: RunStore) -> RunDirectory:
    """A run that has a whole node, which a job of higher priority can take."""
    (run,) = enqueue(store, [config(**LONG)], placement=placed(extra_lines="--nodelist=n1\n--exclusive"))
    return run


def test_one_that_is_preempted_goes_on_later(preempted: RunDirectory) -> None:
    wait_for(lambda: trains(preempted))
    urgent = ["--partition=urgent", "--nodelist=n1", "--exclusive", "--time=1"]
    subprocess.run(["sbatch", *urgent, "--output=/dev/null", "--wrap=sleep 3"], check=True)
    wait_for(lambda: preempted.status().state == "queued", 60)
    at = preempted.status().step
    header = preempted.checkpoint("last").header()
    assert header is not None
    assert header.step == at
    wait_for(lambda: trains(preempted, at + 1))
    stop(preempted)
    assert "Restarts=1" in said("scontrol", "show", "job", job_of(preempted))


def test_the_runs_of_a_sweep_are_jobs_at_once_and_the_cluster_decides(
    scheduler: Scheduler, store: RunStore
) -> None:
    configs = [tiny(training={"epochs": 1, "seed": seed}) for seed in range(4)]
    runs = enqueue(store, configs, "seeds", placed())
    wait_for(lambda: all(job_of(run) for run in runs), 30, "they were not handed over")
    for run in runs:
        ends(run)
    assert len({job_of(run) for run in runs}) == 4


def test_two_processes_on_two_nodes_have_the_losses_of_one(scheduler: Scheduler, store: RunStore) -> None:
    """And a warning reaches both: only the first writes, and both go on from one checkpoint."""
    # Nodes of one host have names that no resolver knows.
    meeting = "export MASTER_ADDR=127.0.0.1 GLOO_SOCKET_IFNAME=lo"
    one = tiny(training=LONG, optimiser={"base_lr": 0.005}, knn={"knn_every": 10_000})  # slowly
    two = one.model_copy(update={"training": one.training.model_copy(update={"devices": 2})})
    (alone,) = enqueue(store, [one], placement=placed())
    (both,) = enqueue(store, [two], placement=placed(nodes=2, setup_lines=meeting))
    wait_for(lambda: trains(alone, 12))
    stop(alone)
    wait_for(lambda: trains(both, 2))
    subprocess.run(["scancel", "--signal=USR2", job_of(both)], check=True)
    wait_for(lambda: both.status().state != "running")
    assert both.status().state == "queued", f"{both.status().error}\n{both.log_tail()}"
    at = both.status().step
    wait_for(lambda: trains(both, max(12, at + 2)))
    assert "NodeList=n[1-2]" in said("scontrol", "show", "job", job_of(both))
    stop(both)
    assert f"Going on from last, step {at}" in "\n".join(both.log_tail(400))
    pairs = list(zip(losses(alone)[:12], losses(both)[:12], strict=True))
    assert [step for (step, _), _ in pairs] == [step for _, (step, _) in pairs]
    assert max(abs(one - other) for (_, one), (_, other) in pairs) < 1e-6


def test_the_controller_may_be_away_while_a_run_goes_on(
    scheduler: Scheduler, store: RunStore, cluster: Cluster
) -> None:
    (run,) = enqueue(store, [config(**LONG)], placement=placed())
    wait_for(lambda: trains(run))
    cluster.stop_controller()
    (later,) = enqueue(store, [tiny(training={"epochs": 1})], placement=placed())
    wait_for(lambda: "does not answer" in read_placement(later.path).note, 60)
    step = run.status().step
    wait_for(lambda: run.status().step > step, 30, "it did not go on")
    assert run.status().state == "running"
    cluster.start_controller()
    ends(later)
    wait_for(lambda: "Runs on n" in read_placement(run.path).note, 60)
    stop(run)
    assert (run.status().state, run.status().error) == ("stopped", None)


def test_a_restarted_dashboard_adopts_what_it_had_submitted(
    cluster: Cluster, limited: RunDirectory, tmp_path: Path
) -> None:
    """Its job starts as it does for people, with a Python of its own."""
    store = RunStore(tmp_path / "runs")
    (run,) = enqueue(store, [config(epochs=3)], placement=placed())
    queue = [sys.executable, "-m", "simsiam_core", "queue", "run", "--forever", "--save-dir", str(store.path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    first = subprocess.Popen(queue, env=environment, cwd=tmp_path)
    try:
        wait_for(lambda: job_of(run), what="it was not submitted")
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    before = job_of(run)
    with Scheduler(store) as second:
        wait_for(lambda: second.run_once() or not run.status().active)
        wait_for(lambda: second.run_once() or read_placement(run.path).settled)
    assert run.status().state == "finished"
    assert job_of(run) == before
    assert len(said("squeue", "--noheader", "--states=all", f"--name={run.id}").splitlines()) == 1


def test_a_submission_whose_answer_was_lost_is_found_again(cluster: Cluster, tmp_path: Path) -> None:
    """The dashboard was killed between sbatch and the note of the job's id."""
    store = RunStore(tmp_path / "runs")
    (run,) = enqueue(store, [tiny()], placement=placed(extra_lines="--hold"))
    kind, slurm = kind_of(run), EXECUTORS.get("slurm")
    slurm.start(run, kind.command(run), 1, {})
    first = job_of(run)
    lost = read_placement(run.path).model_copy(update={"job": "", "submitting": True})
    (run.path / "placement.json").write_text(lost.model_dump_json())
    slurm.start(run, kind.command(run), 1, {})
    assert job_of(run) == first
    with Scheduler(store) as scheduler:
        wait_for(lambda: scheduler.run_once() or "held back" in read_queue(store)[0].reason, 30)
    stop(run)
    assert run.status().state == "stopped"
    assert "CANCELLED" in said("squeue", "--noheader", "--states=all", "--format=%T", f"--jobs={first}")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"partition": "nowhere"}, "There is no such partition"),
        ({"memory": "900G"}, "less memory"),
        ({"cpus": 100}, "fewer"),
        ({"gpus": 1}, "GPUs"),
        ({"constraint": "fast"}, "No node has such a feature"),
    ],
)
def test_an_impossible_request_is_refused_in_a_sentence(
    cluster: Cluster, tmp_path: Path, settings: dict, sentence: str
) -> None:
    run, slurm = RunDirectory(tmp_path / "RUN"), EXECUTORS.get("slurm")
    with pytest.raises(RunError, match=sentence):
        slurm.check(run.path, ("train", "--run", str(run.path)), 1, placed(**settings))


def test_a_terminal_submits_prints_and_refuses(cluster: Cluster, tmp_path: Path) -> None:
    def simsiam(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "simsiam_core", "train", "--preset", "quick", "--save-dir", "runs"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            [*command, "--executor", "slurm", *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )

    shown = simsiam("--dry-run", "--slurm.partition", "p", "--slurm.cpus", "1")
    assert "#SBATCH --partition=p" in shown.stdout
    assert not (tmp_path / "runs").exists()
    refused = simsiam("--slurm.partition", "nowhere")
    assert (refused.returncode, "no such partition" in refused.stderr) == (2, True), refused.stderr
    assert not (tmp_path / "runs").exists()
    done = simsiam("--slurm.extra-lines=--hold", "--slurm.cpus", "1", "--json")
    (job,) = json.loads(done.stdout)["jobs"]
    run = RunStore(tmp_path / "runs").get(job["job"])
    assert job_of(run) == job["slurm_job"]
    stop(run)


def test_a_run_that_reaches_its_time_limit_is_started_again(limited: RunDirectory) -> None:
    wait_for(lambda: _restarts(limited) > 0, what="it was not warned")
    wait_for(lambda: limited.checkpoints() and trains(limited, limited.checkpoint("last").header().step + 1))
    stop(limited)
    assert "Going on from last" in "\n".join(limited.log_tail(400))
    steps = [step for step, _ in losses(limited)]
    assert steps == sorted(set(steps))


def _restarts(run: RunDirectory) -> int:
    """How often SLURM has started its job again."""
    return int(
        said("scontrol", "--oneliner", "show", "job", job_of(run)).partition("Restarts=")[2].split()[0]
    )
