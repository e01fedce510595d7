"""Metadata of a run without effect on training: `notes.json`."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from simsiam_core.runs.json_files import DamagedFileError, first_problem, read_json


class Notes(BaseModel):
    """The content of `notes.json`."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str = ""
    tags: tuple[str, ...] = ()
    text: str = ""
    group: str = ""  # runs created together, such as a sweep or an ablation
    forked_from: str = ""  # "<run id> epoch=0010"


def read_notes(path: Path) -> Notes:
    """Return the notes, or empty ones if there is no file. Raises DamagedFileError."""
    if not os.path.lexists(path):
        return Notes()
    try:
        return Notes.model_validate(read_json(path))
    except ValidationError as error:
        raise DamagedFileError(first_problem(path.name, error)) from None
