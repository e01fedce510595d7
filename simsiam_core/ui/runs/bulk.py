"""What is done to several runs at once: into the trash, with the way back, and a tag."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from simsiam_core.runs import RunDirectory, RunError
from simsiam_core.runs.disk import counted
from simsiam_core.ui.components.latest import ASKING
from simsiam_core.ui.components.widget import event_value, widget
from simsiam_core.ui.context import QUIET, READ_ONLY, Context, Page, Refresh
from simsiam_core.ui.live.updates import run_ids
from simsiam_core.ui.runs.about import write
from simsiam_core.ui.runs.index import RunIndex

NAMED = 3  # reasons that are told of the runs that stayed as they were


class BulkPanel:
    """The line below the list; it is there while several runs are ticked."""

    def __init__(self, context: Context, index: RunIndex) -> None:
        self._context, self._index = context, index
        self._panel = widget("runs/bulk", "runs-bulk", {})

    def connect(self, page: Page, refresh: Refresh) -> None:
        """What its buttons do."""
        self._panel.input(self._act, page.chosen, [page.chosen, self._panel], **ASKING).then(
            *refresh, **QUIET
        )

    def _act(self, chosen: list[str], event: gr.EventData) -> dict[str, Any] | list[Any]:
        acts: dict[Any, Callable[[list[str]], tuple[list[str], list[str]]]] = {
            "trash": self._each(self._to_trash),
            "restore": self._each(self._back),
            "tag": self._each(lambda run_id: self._tag(run_id, event_value(event, "tag"))),
        }
        act = event_value(event, "act")
        if act not in acts:
            return [gr.skip(), gr.skip()]
        done, problems = acts[act](run_ids(event_value(event, "ids")))
        self._context.snapshots.forget()
        said = {"problem": " ".join(problems[:NAMED]), "act": act, "done": done}
        if act == "trash":
            said |= {"said": f"{counted(len(done), 'run')} moved to the trash.", "undo": done}
            return [[run_id for run_id in chosen if run_id not in done], said]
        if act == "restore":
            return [[*done, *(one for one in chosen if one not in done)], {**said, "said": ""}]
        return [gr.skip(), {**said, "said": f"Tag written to {counted(len(done), 'run')}."}]

    def _each(self, act: Callable[[str], object]) -> Callable[[list[str]], tuple[list[str], list[str]]]:
        """Do something to runs, one by one: those that it was done to, and why it was not to the others."""

        def to_all(ids: Sequence[str]) -> tuple[list[str], list[str]]:
            if self._context.scheduler is None:
                return [], [READ_ONLY]
            done, problems = list[str](), list[str]()
            for run_id in ids:
                try:
                    act(run_id)
                    done.append(run_id)
                except (RunError, OSError) as error:
                    problems.append(str(error))
            self._context.scheduler.wake()
            return done, problems

        return to_all

    def _run(self, run_id: str) -> RunDirectory:
        run = self._context.snapshots.look().by_id.get(run_id)
        if run is None:
            raise RunError(f"There is no run {run_id!r} any more.")
        return run

    def _to_trash(self, run_id: str) -> None:
        self._context.store.trash(self._run(run_id))

    def _back(self, run_id: str) -> None:
        self._context.store.restore(run_id)

    def _tag(self, run_id: str, tag: Any) -> None:
        run = self._run(run_id)
        notes = run.notes()
        write(run, notes.name, ", ".join((*notes.tags, str(tag or ""))), notes.text)
        self._index.forget(run_id)
