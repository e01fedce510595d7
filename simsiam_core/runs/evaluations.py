"""Evaluations of a run: each is a job with its own status, metrics and log, and one permanent result.

`evaluations/<id>/` is the job's working folder; `evaluations/<id>.json` is the result, written at the end, and
`evaluations/<id>.pt` the classifier that it trained.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from simsiam_core.runs.crash import crash_in
from simsiam_core.runs.directory import RunDirectory, RunError
from simsiam_core.runs.files import write_text
from simsiam_core.runs.json_files import DamagedFileError, dumps, first_problem, read_json
from simsiam_core.runs.placement import LOCAL, Placement, write_placement
from simsiam_core.runs.status import Status

FOLDER = "evaluations"
KIND = "[a-z][a-z0-9_]*"  # in any version: evaluations of unknown kinds are still listed
EVALUATION_ID = re.compile(rf"^\d{{8}}-\d{{6}}-{KIND}-[0-9a-f]{{4}}$", re.ASCII)
Number = Annotated[float, Field(allow_inf_nan=False)]


class Details(BaseModel):
    """The parts of a result that the page plots, if its kind has them; None: a class without test images."""

    model_config = ConfigDict(strict=True)

    classes: list[str] = []
    per_class: list[Number | None] = []
    confusion: list[list[int]] = []
    ks: list[int] = []
    temperatures: list[Number] = []
    grid: list[list[Number | None]] = []

    @model_validator(mode="after")
    def _agree(self) -> Details:
        per_class = {len(rows) for rows in (self.classes, self.per_class, self.confusion) if rows}
        whole = all(len(row) == len(self.confusion) for row in self.confusion)
        grid = len(self.grid) == len(self.ks) and all(len(r) == len(self.temperatures) for r in self.grid)
        if len(per_class) > 1 or not whole or not grid:
            raise ValueError("its tables are of unequal length")
        return self


class Result(BaseModel):
    """The fields common to all results, which may have more; the defaults cover other versions."""

    model_config = ConfigDict(strict=True)

    id: str = ""
    kind: Annotated[str, Field(pattern=rf"^{KIND}$")]
    checkpoint: str = ""
    epoch: Annotated[int, Field(ge=0)]
    seconds: Annotated[float, Field(ge=0, le=1e11)] = 0.0
    device: str = ""
    figures: dict[str, Number]
    stamp: dict[str, Any]
    details: Details = Details()


class EvaluationDirectory(RunDirectory):
    """The folder `<run>/evaluations/<id>/`: status, metrics and log of a job that evaluates a run."""

    @property
    def run(self) -> RunDirectory:
        """The evaluated run."""
        return RunDirectory(self.path.parent.parent)

    def status(self) -> Status:
        """Return the status as for a run; a crashed evaluation cannot be resumed, and its error says so."""
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
        """The kind of evaluation, such as `knn`."""
        return self.id.split("-")[2]

    @property
    def result_path(self) -> Path:
        """The path of the result: its figures and everything needed to reproduce them."""
        return self.path.with_name(f"{self.id}.json")

    @property
    def classifier_path(self) -> Path:
        """The path of the trained classifier, if its kind trains one."""
        return self.path.with_name(f"{self.id}.pt")

    def settings(self) -> dict[str, Any]:
        """Return the requested settings as nested values. Raises RunError."""
        return _object(self.path / "settings.json")

    def result(self) -> dict[str, Any] | None:
        """Return the result, or None if there is none yet. Raises RunError if it is damaged."""
        return _result(self.result_path) if self.result_path.exists() else None

    def write_result(self, result: Mapping[str, Any]) -> None:
        """Write the result; called once, at the end."""
        write_text(self.result_path, dumps(dict(result), indent=1))


def create_evaluation(
    run: RunDirectory,
    settings: Mapping[str, Any],
    status: Status | None = None,
    placement: Placement | None = None,
) -> EvaluationDirectory:
    """Create an evaluation, by default in state `queued`; `settings` are plain values with a `kind`.

    Raises RunError.
    """
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-{settings['kind']}-{secrets.token_hex(2)}"
    job = EvaluationDirectory(run.path / FOLDER / name)
    try:
        job.path.mkdir(parents=True)
        write_text(job.path / "settings.json", dumps(dict(settings), indent=1))
        if placement is not None and placement.executor != LOCAL:
            write_placement(job.path, placement)
        first = status or Status(state="queued")
        job.write_status(first.model_copy(update={"created": time.time()}))
    except OSError as error:
        raise RunError(f"Cannot write to {job.path}: {error.strerror}.") from None
    return job


def evaluations(run: RunDirectory) -> list[EvaluationDirectory]:
    """Return every evaluation of a run, newest first."""
    try:
        paths = [p for p in (run.path / FOLDER).iterdir() if EVALUATION_ID.match(p.name) and p.is_dir()]
    except OSError:  # no evaluations, or no permission to read them
        return []
    return sorted(map(EvaluationDirectory, paths), key=lambda job: job.id, reverse=True)


def find_evaluation(run: RunDirectory, evaluation_id: str) -> EvaluationDirectory:
    """Return the evaluation with exactly that id. Raises RunError."""
    for job in evaluations(run):
        if job.id == evaluation_id:
            return job
    raise RunError(f"Run {run.id} has no evaluation {evaluation_id!r}.")


def results(run: RunDirectory) -> tuple[list[dict[str, Any]], list[str]]:
    """Return all results of a run, oldest first, and a sentence about each damaged one."""
    found, damaged = [], []
    for path in sorted((run.path / FOLDER).glob("*.json")):
        try:
            found.append(_result(path))
        except RunError as error:
            damaged.append(f"Run {run.id}: {error}")
    return found, damaged


def _result(path: Path) -> dict[str, Any]:
    value = _object(path)
    try:
        known = Result.model_validate(value).model_dump(exclude={"details"})
    except ValidationError as error:
        raise RunError(first_problem(path.name, error)) from None
    return {**known, "details": {}, **value}


def _object(path: Path) -> dict[str, Any]:
    try:
        value = read_json(path)
    except DamagedFileError as error:
        raise RunError(str(error)) from None
    if not isinstance(value, dict):
        raise RunError(f"{path.name} is damaged: it holds no JSON object.")
    return value
