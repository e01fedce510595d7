"""Jobs as detached processes of this machine, one at a time in each slot."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from simsiam_core.jobs.executor import Executor
from simsiam_core.jobs.process import launch, pause, stop
from simsiam_core.runs import RunDirectory
from simsiam_core.runs.placement import Placement


class LocalExecutor(Executor):
    """Processes of this machine."""

    title = "This machine"
    uses_slots = True

    def unavailable(self) -> str:
        """Return nothing: this machine is always there."""
        return ""

    def preview(self, folder: Path, command: Sequence[str], processes: int, placement: Placement) -> str:
        """Return the command line."""
        return shlex.join([sys.executable, "-m", "simsiam_core", *command])

    def check(self, folder: Path, command: Sequence[str], processes: int, placement: Placement) -> None:
        """Accept every job: one that asks for too much waits, and says why."""

    def start(
        self, job: RunDirectory, command: Sequence[str], processes: int, variables: Mapping[str, str]
    ) -> None:
        """Start the job's process."""
        launch(job, variables, command)

    def stop(self, job: RunDirectory, timeout: float) -> None:
        """Signal the job's process group, and kill what is left of it after `timeout` seconds."""
        stop(job, timeout)

    def pause(self, job: RunDirectory) -> None:
        """Signal the job's process."""
        pause(job)


ENTRY = LocalExecutor()
