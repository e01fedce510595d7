"""Requests of other processes to the scheduler of a folder of runs: one JSON file each, in `.requests/`.

A request is written atomically, acted on in name order, and deleted: it is done once its file is gone. A
refused request then has an answer file of the same name with the reason. Requests must be idempotent, since
the reader may be killed after acting on one and before deleting it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from simsiam_core.jobs.table import QueueFileError
from simsiam_core.runs import RunError
from simsiam_core.runs.files import keep_damaged, write_text
from simsiam_core.runs.json_files import DamagedFileError, first_problem, read_json

REQUESTS_DIR = ".requests"
POLL_SECONDS = 0.05


class _Request(BaseModel):
    # Reject unknown fields: ignoring one would do something other than what was requested.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class MoveRequest(_Request):
    """A request to change a run's place; `to` is as for `JobTable.move`."""

    kind: Literal["move"] = "move"
    run: str
    to: str | int


class EvaluateRequest(_Request):
    """A request to start a queued evaluation as soon as a slot is free."""

    kind: Literal["evaluate"] = "evaluate"
    run: str
    evaluation: str


Request = MoveRequest | EvaluateRequest
_REQUEST: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="kind")])


def write_request(folder: Path, request: Request) -> Path:
    """Write a request for the current or next scheduler of the folder; returns the file. Raises RunError.

    Names are numbered after the existing ones rather than by time: the clock may be set back.
    """
    path = folder / REQUESTS_DIR
    try:
        path.mkdir(parents=True, exist_ok=True)
        numbers = [int(n) for other in path.glob("*.json") if (n := other.name.partition("-")[0]).isdecimal()]
        path /= f"{max(numbers, default=0) + 1:08}-{secrets.token_hex(4)}.json"
        write_text(path, request.model_dump_json())
    except OSError as error:
        raise RunError(f"Cannot write to {path}: {error.strerror}.") from None
    return path


def wait_for_answer(path: Path, seconds: float, serve: Callable[[], None]) -> None:
    """Wait until a request is done, calling `serve` repeatedly in case no scheduler works on the folder.

    Raises RunError with the reason if it is refused, or withdraws it and raises RunError on a timeout.
    """
    deadline = time.monotonic() + seconds
    try:
        while path.exists() and time.monotonic() < deadline:
            serve()
            if path.exists():
                time.sleep(POLL_SECONDS)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    with contextlib.suppress(FileNotFoundError):  # already done
        path.unlink()
        raise RunError(
            "The dashboard or 'queue run' that works on this folder does not answer; is it suspended?"
        )
    answer = _answer_path(path)
    with contextlib.suppress(FileNotFoundError):
        refusal = answer.read_text(encoding="utf-8")
        answer.unlink()
        raise RunError(refusal)


class RequestReader:
    """The reader that acts on the requests of a folder, for the holder of its lock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / REQUESTS_DIR
        self._stuck: set[str] = set()  # files that cannot be deleted: handled and reported only once

    def delete_answers(self) -> None:
        """Delete answers that were never fetched; called when a scheduler starts."""
        for path in self._folder.glob("*.answer"):
            with contextlib.suppress(OSError):
                path.unlink()

    def act(self, act: Callable[[Request], None]) -> None:
        """Call `act` on every request, oldest first; a request for which it raises RunError is refused."""
        for path in sorted(self._folder.glob("*.json")):
            if path.name in self._stuck:
                continue
            try:
                act(_read(path))
            except QueueFileError:  # retried in the next round
                raise
            except (RunError, DamagedFileError) as error:
                self._refuse(path, str(error), damaged=isinstance(error, DamagedFileError))
            self._delete(path)

    def _refuse(self, path: Path, reason: str, *, damaged: bool) -> None:
        if not os.path.lexists(path):  # withdrawn
            return
        with contextlib.suppress(OSError):  # a file that cannot be removed is reported by `_delete`
            write_text(_answer_path(path), reason)
            if damaged:
                kept = keep_damaged(path).name
                print(f"The request {reason} It is kept as {kept}.", file=sys.stderr, flush=True)

    def _delete(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            self._stuck.add(path.name)
            print(f"{path} cannot be deleted: {error.strerror}. Delete it.", file=sys.stderr, flush=True)


def _answer_path(path: Path) -> Path:
    return path.with_suffix(".answer")


def _read(path: Path) -> Request:
    """Read a request. Raises DamagedFileError, or RunError for one unknown to this version."""
    value = read_json(path)
    if not isinstance(value, dict):
        raise DamagedFileError(f"{path.name} is damaged: it holds no JSON object.")
    try:
        return _REQUEST.validate_python(value)
    except ValidationError as error:
        problem = first_problem(path.name, error).partition(": ")[2]
        raise RunError(
            f"The dashboard or 'queue run' that works on this folder does not know such a request ({problem[:-1]}); "
            "it may be of an earlier version: restart it."
        ) from None
