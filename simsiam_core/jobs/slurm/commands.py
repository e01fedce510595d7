"""SLURM's commands: sbatch, squeue, scontrol and scancel, with their errors as sentences.

Only fixed formats are read, and no accounting is needed: many clusters have no slurmdbd.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from simsiam_core.runs import RunError

ANSWER_SECONDS = 30.0  # a busy controller is slow; beyond that it counts as gone
PRESENCE_SECONDS = 5.0  # the same, when a dashboard starts
FORMAT = "%i|%T|%r|%N|%e|%j"  # id, state, reason, nodes, end time, name
_UNREACHABLE = re.compile(
    r"unable to contact slurm controller|connection refused|timed out|zero bytes|communication connection failure"
    r"|address already in use|backup controller|socket|try again",
    re.IGNORECASE,
)
# What sbatch refuses, and what to do about it.
_ADVICE = {
    "invalid partition": "There is no such partition; `sinfo` lists those there are",
    "invalid account": "That account is not allowed there; `sacctmgr show assoc` lists yours",
    "invalid qos": "There is no such QoS, or it is not yours",
    "memory specification can not be satisfied": "No node of that partition has so much memory; ask for less",
    "requested node configuration is not available": (
        "No node of that partition has what was asked for; ask for less memory, or fewer nodes, GPUs or CPUs"
    ),
    "node count specification invalid": "The partition has not so many nodes; ask for fewer",
    "more processors requested than permitted": "The partition has not so many CPUs; ask for fewer",
    "requested time limit is invalid": "The time limit is above the partition's; give a shorter one",
    "invalid feature specification": "No node has such a feature; `sinfo -o '%N %f'` lists them",
    "invalid generic resource": "The partition has no such GPUs; set GPUs a node to 0, or choose another partition",
    "job violates accounting/qos policy": "It is beyond a limit of your account or QoS",
}


class UnreachableError(OSError):
    """The controller does not answer: whatever was asked may be asked again."""


@dataclass(frozen=True)
class JobState:
    """One line of squeue."""

    id: str
    state: str  # PENDING, RUNNING, …
    reason: str = ""
    nodes: str = ""
    end: str = ""  # of its time limit, or when it ended
    name: str = ""


def unavailable() -> str:
    """Return why SLURM cannot be used here, as a sentence; empty if it can."""
    if shutil.which("sbatch") is None:
        return "SLURM is not here: the command sbatch is not found. On a cluster, use a login node."
    try:
        _run(["sinfo", "--noheader", "--format=%P"], seconds=PRESENCE_SECONDS)
    except (RunError, UnreachableError):
        return "SLURM's commands are here, but no cluster answers them."
    return ""


def submit(script: Path) -> str:
    """Submit a script; returns the job's id. Raises RunError with the refusal, or UnreachableError."""
    found = _run(["sbatch", "--parsable", str(script)], cwd=script.parent)
    return found.strip().splitlines()[-1].partition(";")[0]


def check(script: str) -> None:
    """Ask whether SLURM would accept a script, without submitting it. Raises RunError or UnreachableError."""
    _run(["sbatch", "--test-only"], text=script)


def job_states(ids: Collection[str]) -> dict[str, JobState]:
    """Return the states of jobs by id, with one call; those that SLURM has forgotten are missing.

    Raises UnreachableError.
    """
    return {job.id: job for job in _listed(["--jobs", ",".join(sorted(ids))])}


def jobs_named(name: str) -> list[JobState]:
    """Return the jobs of a name, ended ones included while SLURM remembers them. Raises UnreachableError."""
    return _listed(["--name", name])


def exit_code(job_id: str) -> str:
    """Return a job's exit code and signal as `scontrol` gives them, such as "1:0"; empty if unknown."""
    try:
        found = _run(["scontrol", "--oneliner", "show", "job", job_id])
    except (RunError, UnreachableError):
        return ""
    match = re.search(r"\bExitCode=(\d+:\d+)", found)
    return match[1] if match else ""


def signal_job(job_id: str, name: str) -> None:
    """Send a signal to the processes of a running job, not to its script. Raises RunError."""
    _run(["scancel", f"--signal={name}", job_id])


def requeue(job_id: str) -> None:
    """Have SLURM end a running job and start it again. Raises RunError or UnreachableError."""
    _run(["scontrol", "requeue", job_id])


def cancel(job_id: str) -> None:
    """Cancel a job, waiting or running. Raises RunError or UnreachableError."""
    _run(["scancel", job_id])


def _listed(which: Sequence[str]) -> list[JobState]:
    try:
        text = _run(["squeue", "--noheader", "--states=all", f"--format={FORMAT}", *which])
    except RunError as error:
        if "invalid job id" in str(error).lower():  # all of them are forgotten
            return []
        raise UnreachableError(str(error)) from None
    parts = [line.split("|", 5) for line in text.splitlines() if line.count("|") >= 5]
    return [JobState(*(part.strip() for part in line)) for line in parts]


def _run(
    command: list[str], cwd: Path | None = None, text: str | None = None, seconds: float = ANSWER_SECONDS
) -> str:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            input=text,
            stdin=subprocess.DEVNULL if text is None else None,
            timeout=seconds,
            cwd=cwd,
        )
    except subprocess.TimeoutExpired:
        raise UnreachableError(f"SLURM did not answer {command[0]} in {seconds:.0f} s.") from None
    except OSError as error:
        raise RunError(f"SLURM's command {command[0]} cannot be run: {error.strerror}.") from None
    if done.returncode == 0:
        return done.stdout
    said = " ".join(line.strip() for line in done.stderr.splitlines() if line.strip())
    if _UNREACHABLE.search(said):
        raise UnreachableError(f"SLURM's controller does not answer {command[0]}.")
    raise RunError(_refusal(command[0], said))


def _refusal(command: str, said: str) -> str:
    """Return what a command refused, as a sentence that says what to do where that is known."""
    words = re.sub(rf"{command}: (error|fatal): ", "", said).strip()
    words = words.replace("Batch job submission failed: ", "").replace("allocation failure: ", "")
    advice = next((advice for text, advice in _ADVICE.items() if text in words.lower()), "")
    return f"{advice} ({words})." if advice else f"SLURM refused it: {words or 'without a word'}."
