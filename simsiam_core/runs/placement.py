"""Where a job runs: `placement.json`, written before the job is queued, and by whoever starts it.

A job without the file runs on this machine. The file belongs to the starter of jobs; the job itself only reads
it, so the two never write the same file.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from simsiam_core.runs.files import write_text
from simsiam_core.runs.json_files import DamagedFileError, read_json

PLACEMENT_FILE = "placement.json"
LOCAL = "local"


class Placement(BaseModel):
    """The content of `placement.json`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    executor: str = LOCAL
    profile: str = ""  # the name of the saved settings it was filled in from, for display only
    settings: dict[str, Any] = {}  # of the executor, complete
    submitting: bool = False  # a submission was begun; after a kill, its job may exist without being known
    job: str = ""  # the executor's id for the job, once it was handed over; empty: not handed over
    settled: bool = False  # the end of that job is recorded in the status; nothing is to be asked about it
    note: str = ""  # a sentence for people: why it waits, or where it runs

    @property
    def pending(self) -> bool:
        """Whether the executor has a job whose end is not recorded yet."""
        return bool(self.job) and not self.settled

    def fresh(self) -> Placement:
        """Return the same place for another job, with nothing handed over yet."""
        return Placement(executor=self.executor, profile=self.profile, settings=self.settings)


HERE = Placement()  # of nearly all jobs, hundreds of which may wait and be listed each second


def read_placement(folder: Path) -> Placement:
    """Return where the job in `folder` runs; on this machine if that was never said or cannot be read."""
    if not os.path.exists(f"{folder}/{PLACEMENT_FILE}"):
        return HERE
    try:
        return Placement.model_validate(read_json(folder / PLACEMENT_FILE))
    except (DamagedFileError, ValidationError):
        return Placement()


def write_placement(folder: Path, placement: Placement) -> None:
    """Replace the file atomically. Raises OSError."""
    write_text(folder / PLACEMENT_FILE, placement.model_dump_json(indent=1))


def change_placement(folder: Path, **changes: Any) -> Placement:
    """Change fields of the file, if it says anything else."""
    before = read_placement(folder)
    after = before.model_copy(update=changes)
    if after != before:
        write_placement(folder, after)
    return after


def hand_over_again(folder: Path) -> None:
    """Forget the job that was handed over, before the same run is queued again."""
    placement = read_placement(folder)
    if placement != placement.fresh():
        with contextlib.suppress(OSError):  # a read-only folder is reported by the status
            write_placement(folder, placement.fresh())
