"""Reading and writing `status.json`; infers `crashed` from a dead process."""

from __future__ import annotations

import time
from pathlib import Path

from pydantic import ValidationError

from simsiam_core.runs.crash import crash_in
from simsiam_core.runs.files import write_text
from simsiam_core.runs.json_files import DamagedFileError, first_problem, read_json
from simsiam_core.runs.liveness import has_live_process, is_copy
from simsiam_core.runs.status import DISK_FULL, Status


def write_status(path: Path, status: Status) -> None:
    """Replace `status.json` atomically, or in place on a full disk, so that the final state is recorded."""
    text = status.model_dump_json(indent=1)
    try:
        write_text(path, text)
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        with path.open("r+b") as file:
            file.write(text.encode())
            file.truncate()


def read_status(path: Path) -> Status:
    """Return the recorded status, or `crashed` for a dead process or an unreadable file. Never raises."""
    status = _recorded(path)
    if status.state != "running" or has_live_process(status, path):
        return status
    status = _recorded(path)  # it may have written its final state and ended between the two checks
    if status.state != "running":
        return status
    last = time.strftime("%d %B %H:%M:%S", time.localtime(status.heartbeat))
    if crash := crash_in(path.with_name("log.txt")):
        how = (
            f"crashed ({crash}): a fault in the program or a library, not lack of memory; the log says where"
        )
    else:
        how = (
            "ended without a word: it was killed from outside (the system does so when memory runs out), or the "
            "machine went down"
        )
    error = f"The training process {how}. Last seen {last}; Resume goes on from the newest checkpoint."
    if is_copy(status, path):
        error = (
            "This folder is a copy of one that was being worked on; no process works on the copy. "
            "Resume goes on from its newest checkpoint."
        )
    return status.model_copy(update={"state": "crashed", "error": error, "ended": status.heartbeat})


def damage(path: Path) -> str:
    """Return what is wrong with `status.json`, as a sentence; empty if nothing."""
    try:
        Status.model_validate(read_json(path))
    except DamagedFileError as error:
        return str(error)
    except ValidationError as error:
        return first_problem(path.name, error)
    return ""


def _recorded(path: Path) -> Status:
    try:
        return Status.model_validate(read_json(path))
    except DamagedFileError as error:
        sentence = str(error)
    except ValidationError as error:
        sentence = first_problem(path.name, error)
    hint = "The log may tell more; Resume goes on from the newest checkpoint."
    return Status(state="crashed", error=f"{sentence} {hint}")
