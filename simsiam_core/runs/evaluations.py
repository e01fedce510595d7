"""Evaluations of a run: each a job with its own status, metrics and log, and one result that outlives it.

`evaluations/<id>/` is the job's working folder; `evaluations/<id>.json` is the result, written at the end.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simsiam_core.runs.crash import crash_in
from simsiam_core.runs.directory import RunDirectory, RunError
from simsiam_core.runs.files import write_text
from simsiam_core.runs.status import Status

FOLDER = "evaluations"


class EvaluationDirectory(RunDirectory):
    """`<run>/evaluations/<id>/`: the files of a run (status, metrics, log) for a job that evaluates it."""

    @property
    def run(self) -> RunDirectory:
        """The run that is evaluated."""
        return RunDirectory(self.path.parent.parent)

    def status(self) -> Status:
        """As of a run, but one that died is not resumed: it left no figure, and is measured again."""
        status = super().status()
        if status.state != "crashed":
            return status
        how = "was killed from outside, or the machine went down"
        if crash := crash_in(self.log_path):
            how = f"crashed ({crash}), a fault in the program or a library; the log says where"
        error = f"The evaluation's process {how}; measure again."
        return status.model_copy(update={"error": error})

    @property
    def kind(self) -> str:
        """`knn`, `linear` or `finetune`."""
        return self.id.split("-")[2]

    @property
    def result_path(self) -> Path:
        """The result: everything needed to repeat it, beside its figures."""
        return self.path.with_name(f"{self.id}.json")

    def settings(self) -> dict[str, Any]:
        """What was asked for, as nested values. Raises RunError."""
        return _read(self.path / "settings.json")

    def result(self) -> dict[str, Any] | None:
        """The result, or None as long as there is none."""
        return _read(self.result_path) if self.result_path.exists() else None

    def write_result(self, result: Mapping[str, Any]) -> None:
        """Written once, at the end."""
        write_text(self.result_path, json.dumps(result, indent=1))


def create_evaluation(run: RunDirectory, settings: Mapping[str, Any]) -> EvaluationDirectory:
    """A new evaluation in state `queued`; `settings` are plain values with a `kind`. Raises RunError."""
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-{settings['kind']}-{secrets.token_hex(2)}"
    job = EvaluationDirectory(run.path / FOLDER / name)
    try:
        job.path.mkdir(parents=True)
        write_text(job.path / "settings.json", json.dumps(dict(settings), indent=1))
        job.write_status(Status(state="queued", created=time.time()))
    except OSError as error:
        raise RunError(f"Cannot write to {job.path}: {error.strerror}.") from None
    return job


def evaluations(run: RunDirectory) -> list[EvaluationDirectory]:
    """Every evaluation of a run that was started, the newest first."""
    folder = run.path / FOLDER
    found = [EvaluationDirectory(p) for p in folder.iterdir() if p.is_dir()] if folder.is_dir() else []
    return sorted(found, key=lambda job: job.id, reverse=True)


def find_evaluation(run: RunDirectory, evaluation_id: str) -> EvaluationDirectory:
    """The evaluation of exactly that id. Raises RunError."""
    for job in evaluations(run):
        if job.id == evaluation_id:
            return job
    raise RunError(f"Run {run.id} has no evaluation {evaluation_id!r}.")


def results(run: RunDirectory) -> list[dict[str, Any]]:
    """Every result of a run, the oldest first; a damaged file is passed over."""
    found = []
    for path in sorted((run.path / FOLDER).glob("*.json")):
        try:
            found.append(_read(path))
        except RunError:
            continue
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        value = None
    if not isinstance(value, dict):
        raise RunError(f"{path.name} is missing or damaged.")
    return value
