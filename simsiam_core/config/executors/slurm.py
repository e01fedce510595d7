"""Settings of a job in SLURM: what `job.sbatch` asks the cluster for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError, ValidationInfo, field_validator

from simsiam_core.config.problems import ConfigError, Problem
from simsiam_core.config.section import Section, setting

# Options that the program itself writes into the script, and what depends on them.
OURS = {
    "--array": "a sweep queues one job for each of its runs",
    "--chdir": "the job works in the run's folder",
    "--error": "the output goes into the run's log",
    "--job-name": "a restarted dashboard finds its jobs by their names",
    "--no-requeue": "an interrupted job is started again",
    "--ntasks": "it follows from Devices in the form",
    "--ntasks-per-node": "it follows from Devices in the form and Nodes",
    "--open-mode": "the log goes on after a restart",
    "--output": "the output goes into the run's log",
    "--requeue": "the script has it already",
    "--signal": "it is the field Warning",
    "--wrap": "the script runs the training",
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.,:+@-]*"), "a name without spaces or quotes"
_WANTED = {  # by field: its form, and that in words
    "partition": _NAME,
    "account": _NAME,
    "qos": _NAME,
    "constraint": (
        re.compile(r"[A-Za-z0-9_.,:+@|&*()\[\]-]+"),
        "features joined by & or |, without spaces or quotes",
    ),
    "memory": (
        re.compile(r"\d+[KMGT]?", re.IGNORECASE),
        "a whole number followed by M, G or T, such as 16G",
    ),
    "time_limit": (
        re.compile(r"\d+|\d+:\d\d(:\d\d)?|\d+-\d+(:\d\d(:\d\d)?)?"),
        "minutes, hours:minutes:seconds or days-hours:minutes:seconds, such as 12:00:00",
    ),
}
_LONGEST = 10_000  # characters of lines that are copied into the script


class SlurmConfig(Section, title="SLURM"):
    """What a job asks for; empty fields leave the choice to the cluster."""

    partition: str = setting(
        "", "Partition", "Queue of the cluster, as listed by `sinfo`; empty: its default."
    )
    account: str = setting("", "Account", "Whose share of the cluster is used; empty: your default.")
    qos: str = setting("", "QoS", "Quality of service, where the cluster has several.", advanced=True)
    nodes: int = setting(1, "Nodes", "Machines that share the run's devices evenly.", ge=1, le=64)
    gpus: int = setting(0, "GPUs a node", "0: train on the CPU.", ge=0, le=16)
    cpus: int = setting(
        4, "CPUs a process", "Cores for each process, and there is a process for each device.", ge=1, le=512
    )
    memory: str = setting("", "Memory a node", "Such as 16G; empty: what the cluster gives.")
    time_limit: str = setting(
        "", "Time limit", "Such as 30 (minutes), 12:00:00 or 2-00:00:00; empty: the partition's limit."
    )
    constraint: str = setting(
        "", "Constraint", "Features that a node must have, such as a100.", advanced=True
    )
    warning: int = setting(
        120,
        "Warning",
        "How long before its time limit the job is told to write a checkpoint and start again.",
        unit="seconds",
        ge=1,
        le=3600,
        advanced=True,
    )
    extra_lines: str = setting(
        "", "Extra lines", "Further options of sbatch, one a line, such as --exclude=node7.", advanced=True
    )
    setup_lines: str = setting(
        "",
        "Set-up lines",
        "Shell commands before the training, such as module load cuda; the program's own Python is used.",
        advanced=True,
    )

    @field_validator(*_WANTED)
    @classmethod
    def _is_well_formed(cls, value: str, info: ValidationInfo) -> str:
        name = str(info.field_name)
        pattern, wanted = _WANTED[name]
        if value and not pattern.fullmatch(value):
            raise ValueError(f"{cls.model_fields[name].title} is {value!r}; it must be {wanted}.")
        return value

    @field_validator("extra_lines")
    @classmethod
    def _are_options(cls, value: str) -> str:
        options = [option(line) for line in _short(value, "Extra lines").splitlines() if line.strip()]
        for line in options:
            name = re.split(r"[=\s]", line)[0]
            if not re.fullmatch(r"--[a-z][a-z-]*", name):
                raise ValueError(
                    f"Extra lines has {line!r}; a line must be a long option of sbatch, such as --exclude=node7."
                )
            if name in OURS:
                raise ValueError(f"Extra lines has {name}, which cannot be changed: {OURS[name]}.")
        return "\n".join(options)

    @field_validator("setup_lines")
    @classmethod
    def _are_short(cls, value: str) -> str:
        return _short(value, "Set-up lines").strip()


def option(line: str) -> str:
    """Return a line of options as given, without a leading `#SBATCH`."""
    return line.strip().removeprefix("#SBATCH").strip()


def parse_slurm(values: Mapping[str, Any]) -> SlurmConfig:
    """Validate settings. Raises ConfigError, one sentence a field, at `slurm.<field>`."""
    try:
        return SlurmConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigError([_in_words(dict(each)) for each in error.errors()]) from None


def _in_words(error: dict[str, Any]) -> Problem:
    name = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden" or name not in SlurmConfig.model_fields:
        known = ", ".join(SlurmConfig.model_fields)
        return Problem(f"slurm.{name}", f"There is no SLURM setting {name}; known here: {known}.")
    if error["type"] == "value_error":
        return Problem(f"slurm.{name}", str(error["ctx"]["error"]))
    wanted = str(error["msg"]).removeprefix("Input should be ")
    title = SlurmConfig.model_fields[name].title
    return Problem(f"slurm.{name}", f"{title} is {error['input']!r}; it must be {wanted}.")


def _short(value: str, title: str) -> str:
    if len(value) > _LONGEST or "\0" in value:
        raise ValueError(f"{title} must be at most {_LONGEST:,} characters of text.")
    return value.replace("\r\n", "\n")
