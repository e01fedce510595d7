"""What a person wrote about a run: tags and free text, in `notes.json`."""

from __future__ import annotations

import json

from pydantic import BaseModel, ConfigDict, ValidationError

from simsiam_core.runs.directory import RunDirectory, RunError
from simsiam_core.runs.files import write_text

MAX_TEXT, MAX_TAGS, MAX_TAG = 10_000, 20, 40


class Notes(BaseModel):
    """Tags and text; both may be empty."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    tags: tuple[str, ...] = ()
    text: str = ""


def read_notes(run: RunDirectory) -> Notes:
    """What was written, or nothing where nothing readable was."""
    try:
        return Notes.model_validate(json.loads((run.path / "notes.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError):
        return Notes()


def write_notes(run: RunDirectory, tags: str, text: str) -> Notes:
    """Keep `text`, and `tags` separated by commas. Raises RunError for too much of either."""
    found = tuple(dict.fromkeys(tag for part in tags.split(",") if (tag := part.strip())))
    if len(text) > MAX_TEXT or len(found) > MAX_TAGS or any(len(tag) > MAX_TAG for tag in found):
        raise RunError(
            f"That is too much: at most {MAX_TAGS} tags of {MAX_TAG} letters and {MAX_TEXT:,} letters of text."
        )
    notes = Notes(tags=found, text=text)
    write_text(run.path / "notes.json", notes.model_dump_json(indent=1))
    return notes
