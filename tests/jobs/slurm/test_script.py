"""The batch script, as `bash` reads it; whether SLURM takes it is tried in tests/cluster."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from simsiam_core.config.executors.slurm import SlurmConfig
from simsiam_core.jobs.slurm.script import batch_script, environment
from simsiam_core.runs import RunError

COMMAND = ("train", "--run", "/runs/a run")


def script(folder: Path, processes: int = 1, **settings: object) -> str:
    return batch_script(folder, "job", COMMAND, processes, SlurmConfig(**settings), {"A": "b c"})


def options(text: str) -> list[str]:
    return [line.removeprefix("#SBATCH ") for line in text.splitlines() if line.startswith("#SBATCH")]


def test_it_asks_for_what_was_chosen_and_nothing_else(tmp_path: Path) -> None:
    text = script(tmp_path, 4, partition="gpu", nodes=2, gpus=2, memory="16G", extra_lines="--exclude=n7")
    found = options(text)
    for wanted in ("--partition=gpu", "--nodes=2", "--ntasks-per-node=2", "--gres=gpu:2", "--mem=16G"):
        assert wanted in found
    assert found[-1] == "--exclude=n7"
    assert not [line for line in found if line.startswith(("--account", "--qos", "--time"))]
    assert {"--requeue", "--signal=USR2@120", "--open-mode=append"} <= set(found)


@pytest.mark.parametrize(
    ("processes", "settings", "sentence"),
    [
        (3, {"nodes": 2}, "must be a multiple of it"),
        (1, {"nodes": 2}, "must be a multiple of it"),
        (1, {"gpus": 4}, "set Devices to 4, or GPUs a node to 1"),
    ],
)
def test_devices_that_the_nodes_cannot_share_are_refused(
    tmp_path: Path, processes: int, settings: dict, sentence: str
) -> None:
    with pytest.raises(RunError, match=sentence):
        script(tmp_path, processes, **settings)


def run(folder: Path, text: str, code: int, preempted: str = "None", restarts: str = "") -> tuple[int, str]:
    """Run a script with an `srun` that ends with that code, and an `scontrol` that says what it was asked."""
    programs = folder / "bin"
    programs.mkdir()
    bodies = {
        "srun": f'echo "$A" "$PWD" "$@"\nexit {code}',
        "scontrol": f'echo scontrol "$@" PreemptTime={preempted}',
        "sleep": "exit 0",
    }
    for name, body in bodies.items():
        (programs / name).write_text(f"#!/bin/bash\n{body}\n")
        (programs / name).chmod(0o755)
    variables = {"PATH": f"{programs}:/usr/bin:/bin", "SLURM_JOB_ID": "12"}
    if restarts:
        variables["SLURM_RESTART_COUNT"] = restarts
    done = subprocess.run(["bash", "-c", text], env=variables, capture_output=True, text=True, cwd=folder)
    assert not done.stderr
    return done.returncode, done.stdout


@pytest.mark.parametrize("code", [0, 1, 75, 137, 140, 143])
def test_only_an_interrupted_job_is_started_again(tmp_path: Path, code: int) -> None:
    folder = tmp_path / 'a "strange" $folder'
    folder.mkdir()
    ended, said = run(folder, script(folder, setup_lines="echo set up"), code)
    assert ended == code
    assert said.startswith("set up\nb c ")
    assert shlex.quote("/runs/a run") in said or "/runs/a run" in said
    assert ("scontrol requeue 12" in said) == (code in (75, 140))


@pytest.mark.parametrize(("restarts", "again"), [("1", True), ("2", True), ("3", False), ("12", False)])
def test_one_that_is_always_warned_too_early_is_not_started_for_ever(
    tmp_path: Path, restarts: str, again: bool
) -> None:
    ended, said = run(tmp_path, script(tmp_path), 140, restarts=restarts)
    assert ended == 140
    assert ("scontrol requeue 12" in said) == again


def test_one_whose_checkpoint_is_written_is_started_again_however_often(tmp_path: Path) -> None:
    assert "scontrol requeue 12" in run(tmp_path, script(tmp_path), 75, restarts="12")[1]


def test_a_preempted_job_is_started_again_and_a_cancelled_one_is_not(tmp_path: Path) -> None:
    for number, preempted in enumerate(("None", "2026-11-29T08:54:35")):
        folder = tmp_path / str(number)
        folder.mkdir()
        ended, said = run(folder, script(folder), 143, preempted)
        assert ended == 143
        assert ("scontrol requeue 12" in said) == (preempted != "None")


def test_a_job_says_that_it_may_be_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMSIAM_CACHE", "/scratch/cache")
    assert environment(["/checkout"], 3) == {
        "SIMSIAM_EXECUTOR": "slurm",
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": "3",
        "PYTHONPATH": "/checkout",
        "SIMSIAM_CACHE": "/scratch/cache",
    }
