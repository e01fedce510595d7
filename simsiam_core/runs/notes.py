"""What belongs to a run and decides nothing about it: `notes.json`."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError


class Notes(BaseModel):
    """The content of `notes.json`."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str = ""
    tags: tuple[str, ...] = ()
    text: str = ""
    group: str = ""  # runs made together: a sweep, an ablation
    forked_from: str = ""  # "<run id> epoch=0010"


def read_notes(path: Path) -> Notes:
    """The notes, or empty ones where there are none or they are damaged."""
    try:
        return Notes.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError):
        return Notes()
