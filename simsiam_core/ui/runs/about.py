"""What a person writes about a run: its name, tags and notes."""

from __future__ import annotations

import gradio as gr

from simsiam_core.runs import RunDirectory, RunError
from simsiam_core.ui.components.widget import event_value, widget
from simsiam_core.ui.context import QUIET, READ_ONLY, Context, Refresh
from simsiam_core.ui.live.updates import Part
from simsiam_core.ui.runs.index import RunIndex
from simsiam_core.ui.text import problem

ABOUT = "runs-about"  # the id of the panel
MAX_TEXT, MAX_TAGS, MAX_TAG, MAX_NAME = 10_000, 20, 40, 60
TOO_MUCH = (
    f"At most {MAX_NAME} letters of a name, {MAX_TAGS} tags of {MAX_TAG} letters and {MAX_TEXT:,} letters of notes "
    "can be kept."
)


class AboutPanel:
    """The panel of the run that is looked at; what is typed and not kept yet is the browser's."""

    def __init__(self, context: Context, index: RunIndex) -> None:
        self._context, self._index = context, index
        self._panel = widget("runs/about", ABOUT, "")
        self._trouble = gr.HTML(elem_id="runs-message", padding=False)

    def connect(self, refresh: Refresh) -> None:
        """What Keep does."""
        every = {
            **QUIET,
            "trigger_mode": "multiple",
            "concurrency_limit": 1,
        }  # each counts, one after another
        self._panel.input(self._keep, None, self._trouble, **every).then(*refresh, **QUIET)

    def _keep(self, event: gr.EventData) -> str:
        given = [event_value(event, key) for key in ("name", "tags", "text")]
        try:
            if self._context.scheduler is None:
                raise RunError(READ_ONLY)
            run = self._context.store.get(str(event_value(event, "id")))
            write(run, *(value if isinstance(value, str) else "" for value in given))
        except (RunError, OSError) as error:
            return problem(str(error))
        self._index.forget(run.id)
        self._context.snapshots.forget()
        return ""


def part(run: RunDirectory) -> Part:
    """What the panel shows of a run."""
    notes = run.notes()
    about = {"id": run.id, "name": notes.name, "tags": ", ".join(notes.tags), "text": notes.text}
    return Part(ABOUT, about, lambda: about)


def write(run: RunDirectory, name: str, tags: str, text: str) -> None:
    """Write a run's notes. Raises RunError for what is too much."""
    name = " ".join(name.split())
    found = tuple(dict.fromkeys(tag for part in tags.split(",") if (tag := part.strip())))
    too_long = len(text) > MAX_TEXT or len(name) > MAX_NAME
    if too_long or len(found) > MAX_TAGS or any(len(tag) > MAX_TAG for tag in found):
        raise RunError(TOO_MUCH)
    run.write_notes(run.notes().model_copy(update={"name": name, "tags": found, "text": text}))
