"""The batch script of a job: plain text in the job's folder, to be read and edited by people."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from simsiam_core.config.cache import CACHE_VARIABLE, cache_dir
from simsiam_core.config.executors.slurm import SlurmConfig
from simsiam_core.jobs.restarts import MOST_IN_VAIN
from simsiam_core.jobs.stop_request import EXECUTOR_VARIABLE, REQUEUE_EXIT, UNHANDLED_USR2
from simsiam_core.runs import RunError

SCRIPT_FILE = "job.sbatch"
TERMINATED = 128 + 15
LEAVE_SECONDS = 20  # for the other processes of a job, once the first of them has ended


def batch_script(
    folder: Path,
    name: str,
    command: Sequence[str],
    processes: int,
    settings: SlurmConfig,
    variables: Mapping[str, str],
) -> str:
    """Return the script of a job that works in `folder`. Raises RunError for nodes that cannot share it.

    Exactly one layer starts an interrupted job again: this script, on the exit code that says that a checkpoint
    was written. It does so in the grace time of a preemption too: a job that ends by itself then has failed for SLURM.
    After a lost node, or a preemption without grace, SLURM starts it again before this script could.
    """
    a_node, rest = divmod(processes, settings.nodes)
    if rest or not a_node:
        raise RunError(
            f"Nodes is {settings.nodes}; Devices, {processes}, must be a multiple of it, so that each node has as many."
        )
    if settings.gpus and settings.gpus != a_node:
        raise RunError(
            f"GPUs a node is {settings.gpus}, but {a_node} of {processes} devices are on each node; set Devices to "
            f"{settings.gpus * settings.nodes}, or GPUs a node to {a_node}."
        )
    words = shlex.join([sys.executable, "-m", "simsiam_core", *command])
    exports = [f"export {key}={shlex.quote(value)}" for key, value in variables.items()]
    tasks = f"--ntasks={processes} --ntasks-per-node={a_node} --cpus-per-task={settings.cpus}"
    return "\n".join(
        [
            "#!/bin/bash",
            *(f"#SBATCH {line}" for line in _options(folder, name, a_node, settings)),
            "",
            "# Written when the job was queued, submitted as it stands: changes here count from the next start.",
            *([settings.setup_lines, ""] if settings.setup_lines else []),
            *exports,
            "",
            f"# Every process appends to the log itself. When one has ended, the others have {LEAVE_SECONDS} s:",
            "# those of a job that was warned end by themselves, and only then is their exit code that of srun.",
            f"srun {tasks} --kill-on-bad-exit=0 --wait={LEAVE_SECONDS} \\",
            "  sh -c 'exec \"$@\" >>log.txt 2>&1' job \\",
            f"  {words}",
            "code=$?",
            "",
            f"# {REQUEUE_EXIT}: warned by SLURM, checkpoint written. {UNHANDLED_USR2}: warned before it had begun.",
            f"# {TERMINATED}: preempted, if SLURM says so, or cancelled.",
            'preempted() { scontrol show job "$SLURM_JOB_ID" | grep -q "PreemptTime=[0-9]"; }',
            f'may_begin_again() {{ [ "${{SLURM_RESTART_COUNT:-0}}" -lt {MOST_IN_VAIN} ]; }}',
            f'if [ "$code" -eq {REQUEUE_EXIT} ] || {{ [ "$code" -eq {TERMINATED} ] && preempted; }} \\',
            f'  || {{ [ "$code" -eq {UNHANDLED_USR2} ] && may_begin_again; }}; then',
            '  scontrol requeue "$SLURM_JOB_ID" && sleep 60  # ended by the requeue',
            "fi",
            'exit "$code"',
            "",
        ]
    )


def environment(search_path: Sequence[str], cpus: int) -> dict[str, str]:
    """Return the variables that every job needs, wherever it runs."""
    variables = {EXECUTOR_VARIABLE: "slurm", "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": str(cpus)}
    if search_path:
        variables["PYTHONPATH"] = os.pathsep.join(search_path)
    if os.environ.get(CACHE_VARIABLE):
        variables[CACHE_VARIABLE] = str(cache_dir())
    return variables


def _options(folder: Path, name: str, a_node: int, settings: SlurmConfig) -> list[str]:
    log = str(folder / "log.txt").replace("%", "%%")
    options = [
        f"--job-name={name}",
        f"--chdir={_quoted(str(folder))}",
        f"--output={_quoted(log)}",
        "--open-mode=append",
        "--requeue",
        f"--signal=USR2@{settings.warning}",
        f"--nodes={settings.nodes}",
        f"--ntasks-per-node={a_node}",
        f"--cpus-per-task={settings.cpus}",
    ]
    given = {
        "partition": settings.partition,
        "account": settings.account,
        "qos": settings.qos,
        "gres": f"gpu:{settings.gpus}" if settings.gpus else "",
        "mem": settings.memory,
        "time": settings.time_limit,
        "constraint": _quoted(settings.constraint) if settings.constraint else "",
    }
    options += [f"--{key}={value}" for key, value in given.items() if value]
    return [*options, *settings.extra_lines.splitlines()]


def _quoted(text: str) -> str:
    """Quote a value of an #SBATCH line if it needs that; sbatch reads them much as a shell would."""
    if "\n" in text:
        raise RunError("A folder whose name has a line break cannot be given to SLURM; rename it.")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return text if shlex.quote(text) == text else f'"{escaped}"'
