"""Executors: where jobs are started, stopped and followed. Each is a file in `jobs/executors/`.

Everything above this module asks a job's executor and does not know which one it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from simsiam_core.registry import Registry, UnknownEntryError
from simsiam_core.runs import RunDirectory, RunError
from simsiam_core.runs.placement import LOCAL, Placement, read_placement

TERM_SECONDS = 60.0  # enough to finish a step and write its checkpoint
Follow = Callable[[Sequence[RunDirectory]], None]


class Executor(ABC):
    """A way to run jobs: as processes of this machine, or through a cluster's workload manager."""

    title: str  # as a choice in a form
    uses_slots: bool  # whether its jobs wait for a slot of this machine

    @abstractmethod
    def unavailable(self) -> str:
        """Return why it cannot be used here, as a sentence; empty if it can."""

    @abstractmethod
    def preview(self, folder: Path, command: Sequence[str], processes: int, placement: Placement) -> str:
        """Return what would be executed for a job in `folder`, as text for people. Raises RunError."""

    @abstractmethod
    def check(self, folder: Path, command: Sequence[str], processes: int, placement: Placement) -> None:
        """Ask whether such a job would be accepted, without starting it. Raises RunError if not."""

    @abstractmethod
    def start(
        self, job: RunDirectory, command: Sequence[str], processes: int, variables: Mapping[str, str]
    ) -> None:
        """Start a queued job: `command` holds the arguments of `python -m simsiam_core`.

        `processes` is the number of them that work together, `variables` are added to the environment. Raises
        RunError if the job can never start, OSError if it may be tried again.
        """

    @abstractmethod
    def stop(self, job: RunDirectory, timeout: float) -> None:
        """End a job at its next step, by force after `timeout` seconds. Raises RunError."""

    @abstractmethod
    def pause(self, job: RunDirectory) -> None:
        """Ask a job to write a checkpoint and end; returns at once. Raises RunError."""

    def check_ended(self, job: RunDirectory) -> None:
        """Make sure that nothing works on a job whose process is not heard of. Raises RunError if something may."""
        job.lock().release()

    def alone(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings of a single process, from those of a job of several."""
        return dict(settings)

    def follower(self) -> Follow:
        """Return a function that records what became of jobs which were handed over, called once a round."""
        return lambda jobs: None


EXECUTORS: Registry[Executor] = Registry("jobs.executors", Executor, "executor")  # type: ignore[type-abstract]


def usual_executor() -> str:
    """Return where jobs of a dashboard run unless told otherwise: through SLURM where its commands are found."""
    elsewhere = (name for name in EXECUTORS.names if name != LOCAL and not EXECUTORS.get(name).unavailable())
    return next(elsewhere, LOCAL)


def executor_of(job: RunDirectory) -> Executor:
    """Return the executor of a job. Raises RunError for one of another version."""
    try:
        return EXECUTORS.get(read_placement(job.path).executor)
    except UnknownEntryError as error:
        raise RunError(f"{job.id} cannot be started: {error}") from None


def stop(job: RunDirectory, timeout: float = TERM_SECONDS) -> None:
    """End a run or evaluation at its next step, with a checkpoint. Raises RunError if it is not running."""
    executor_of(job).stop(job, timeout)


def pause(job: RunDirectory) -> None:
    """Ask a run to write a checkpoint after the current step and end; it keeps its place in the queue.

    Returns at once. A waiting run becomes paused. Raises RunError if it neither runs nor waits.
    """
    executor_of(job).pause(job)
