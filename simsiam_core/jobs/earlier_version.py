"""Migration of version 0.1's files: `.evaluations/` (places and slots) and `.moves/` (move requests)."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from simsiam_core.jobs.requests import MoveRequest, write_request
from simsiam_core.jobs.slots import BESIDE
from simsiam_core.jobs.table import JobTable, QueueFileError, Row
from simsiam_core.runs import RunError, RunStore
from simsiam_core.runs.evaluations import find_evaluation


def take_over(store: RunStore, table: JobTable) -> None:
    """Move evaluation places into the table and turn moves into requests, deleting the files one by one."""

    def evaluation(path: Path, noted: dict[str, Any]) -> None:
        job = find_evaluation(store.get(str(noted["run"])), path.stem)
        started_beside = not noted["slot"] and job.status().state == "running"
        slot = BESIDE if started_beside else str(noted["slot"])
        table.change(add=[Row(job.run.id, job.id, "evaluation", slot)])

    def move(_path: Path, noted: dict[str, Any]) -> None:
        write_request(store.path, MoveRequest(run=str(noted["run"]), to=noted["to"]))

    _take_folder(store.path / ".evaluations", evaluation)
    _take_folder(store.path / ".moves", move)


def _take_folder(folder: Path, take: Callable[[Path, dict[str, Any]], None]) -> None:
    for path in sorted(folder.glob("*.json")):
        try:
            take(path, json.loads(path.read_text(encoding="utf-8")))
        except QueueFileError:
            raise
        except (RunError, OSError, ValueError, KeyError, TypeError) as error:
            print(f"{path} of an earlier version was left out: {error}", flush=True)
        with contextlib.suppress(OSError):
            path.unlink()
    with contextlib.suppress(OSError):  # missing, or not empty
        folder.rmdir()
