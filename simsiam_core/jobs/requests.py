"""How other processes ask whoever works on a folder of runs: one JSON file a request, in `.requests/`.

A request is written in one step, acted on in the order of the names, and deleted: it is done once its file is gone.
One that is refused has an answer beside it by then, a sentence under the same name. To act on a request twice
must be the same as once, for its reader may be killed after acting and before deleting it.
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
    # A setting that is not known must not be ignored: something else would be done than was asked for.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class MoveRequest(_Request):
    """Change a run's place; `to` is as for `JobTable.move`."""

    kind: Literal["move"] = "move"
    run: str
    to: str | int


class EvaluateRequest(_Request):
    """Start a queued evaluation as soon as a slot is free."""

    kind: Literal["evaluate"] = "evaluate"
    run: str
    evaluation: str


Request = MoveRequest | EvaluateRequest
_REQUEST: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="kind")])


def write_request(folder: Path, request: Request) -> Path:
    """Ask whoever works on the folder, now or later; returns the file. Raises RunError.

    Names count on from those that are there: a clock may be set back.
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
    """Wait until a request is done, calling `serve` now and then to do it where nobody else does.

    Raises RunError with the reason if it is refused, or if nobody takes it in that time; it is withdrawn then.
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
    with contextlib.suppress(FileNotFoundError):  # it was done
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
    """Acts on the requests of a folder, for the holder of its lock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / REQUESTS_DIR
        self._stuck: set[str] = set()  # files that cannot be deleted: acted on and reported once

    def delete_answers(self) -> None:
        """Delete answers that nobody has fetched, when a scheduler starts."""
        for path in self._folder.glob("*.answer"):
            with contextlib.suppress(OSError):
                path.unlink()

    def act(self, act: Callable[[Request], None]) -> None:
        """Give every request to `act`, the oldest first; one for which it raises RunError is refused."""
        for path in sorted(self._folder.glob("*.json")):
            if path.name in self._stuck:
                continue
            try:
                act(_read(path))
            except QueueFileError:  # it is done in the next round
                raise
            except (RunError, DamagedFileError) as error:
                self._refuse(path, str(error), damaged=isinstance(error, DamagedFileError))
            self._delete(path)

    def _refuse(self, path: Path, reason: str, *, damaged: bool) -> None:
        if not os.path.lexists(path):  # withdrawn
            return
        with contextlib.suppress(OSError):  # a file that stays is reported by `_delete`
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
    """Read a request. Raises DamagedFileError, or RunError for one that this version does not know."""
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
