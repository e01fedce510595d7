"""Job kinds: how a job is found and started, and which slots it needs. To add one, extend `KINDS`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from simsiam_core.jobs.slots import Slot, slots_needed
from simsiam_core.runs import RunDirectory
from simsiam_core.runs.evaluations import EvaluationDirectory, find_evaluation


@dataclass(frozen=True)
class JobKind:
    """The scheduler's description of one kind of job."""

    in_queue: frozenset[str]  # states in which a job stays in the queue
    find: Callable[[RunDirectory, str], RunDirectory]  # from a run and the job's id; raises RunError
    slots_needed: Callable[[RunDirectory, Sequence[Slot]], tuple[str, int]]  # as `slots.slots_needed`
    command: Callable[[RunDirectory], tuple[str, ...]]  # the arguments of `python -m simsiam_core`
    processes: Callable[[RunDirectory], int]  # how many of them work together; raises RunError
    writes_reason: bool  # whether the reason for waiting is written to its status


def _gpu_if_any(_job: RunDirectory, slots: Sequence[Slot]) -> tuple[str, int]:
    return ("GPU" if any(slot.kind == "GPU" for slot in slots) else "CPU"), 1


def _evaluation_command(job: RunDirectory) -> tuple[str, ...]:
    assert isinstance(job, EvaluationDirectory)
    return "evaluate", job.kind, str(job.run.path), "--job", job.id


def kind_of(job: RunDirectory) -> JobKind:
    """Return the kind of a job."""
    return KINDS["evaluation" if isinstance(job, EvaluationDirectory) else "training"]


KINDS = {  # in order of priority: evaluations come first, since they take minutes
    "evaluation": JobKind(
        in_queue=frozenset({"queued", "running"}),
        find=find_evaluation,
        slots_needed=_gpu_if_any,
        command=_evaluation_command,
        processes=lambda _: 1,
        writes_reason=True,
    ),
    "training": JobKind(
        in_queue=frozenset({"queued", "running", "paused"}),
        find=lambda run, _: run,
        slots_needed=lambda run, slots: slots_needed(run.config().training, slots),
        command=lambda run: ("train", "--run", str(run.path)),
        processes=lambda run: run.config().training.devices,
        writes_reason=False,
    ),
}
