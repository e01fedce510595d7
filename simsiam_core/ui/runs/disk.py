"""Disk, on Runs: what a run and the trash take, and giving some of it back, with a question before."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from simsiam_core.runs import RunDirectory, RunError
from simsiam_core.runs.disk import (
    clean,
    counted,
    dispensable,
    freed_by_cleaning,
    freed_by_thinning,
    size,
    thin,
    trash_usage,
    usage,
)
from simsiam_core.runs.store import busy
from simsiam_core.ui.context import QUIET, READ_ONLY, Context
from simsiam_core.ui.text import problem, run_name, stamp

NO_RUN = "There is no run yet."
TITLES = {
    "thin": "Delete old checkpoints",
    "clean": "Delete its caches",
    "trash": "Empty the trash",
}


@dataclass(frozen=True)
class Offer:
    """Something that could be deleted: what its button says, the question before, and why it is not possible now."""

    title: str
    freed: int
    question: str
    reason: str
    delete: Callable[[], object]

    def button(self) -> Any:
        """An update for its button."""
        text = self.title if self.reason else f"{self.title}: {size(self.freed)}"
        return gr.update(value=text, interactive=not self.reason)


class DiskPanel:
    """The section; `show` fills it for a run."""

    def __init__(self, context: Context) -> None:
        self._context = context
        gr.HTML("<h3>Disk</h3>", padding=False)
        self._sizes = gr.HTML(stamp(NO_RUN), elem_id="runs-disk", padding=False)
        with gr.Row():
            self._buttons = {
                name: gr.Button(title, size="sm", interactive=False, elem_id=f"runs-disk-{name}")
                for name, title in TITLES.items()
            }
        self._question = gr.HTML(visible=False, elem_id="runs-disk-question", padding=False)
        with gr.Row():
            self._yes = gr.Button("Delete", size="sm", variant="stop", visible=False, elem_id="runs-disk-yes")
            self._no = gr.Button("Cancel", size="sm", visible=False, elem_id="runs-disk-no")
        self._asked = gr.State(None)  # the name of what the question is about, and the run's id
        self._dialogue = [self._question, self._yes, self._no, self._asked]
        self.outputs = [self._sizes, *self._buttons.values(), *self._dialogue]

    def show(self, run_id: str | None) -> list[Any]:
        """Updates for `outputs`; no question stands any more."""
        run, offers = self._run(run_id), self._offers(run_id)
        return [self._text(run, offers), *(offers[name].button() for name in TITLES), *_closed()]

    def connect(self, current: gr.State) -> None:
        """What the buttons do; `current` holds the id of the run that is looked at."""
        current.change(self.show, current, self.outputs, **QUIET)
        for name, button in self._buttons.items():
            button.click(lambda run_id, name=name: self._ask(name, run_id), current, self._dialogue, **QUIET)
        self._no.click(_closed, None, self._dialogue, **QUIET)
        self._yes.click(self._delete, [self._asked, current], self.outputs, **QUIET)

    def _ask(self, name: str, run_id: str | None) -> list[Any]:
        offer = self._offers(run_id)[name]
        if offer.reason:
            return [gr.update(value=problem(offer.reason), visible=True), *_closed()[1:]]
        shown = gr.update(visible=True)
        return [gr.update(value=stamp(offer.question), visible=True), shown, shown, (name, run_id)]

    def _delete(self, asked: tuple[str, str | None] | None, current: str | None) -> list[Any]:
        if asked is None:
            return self.show(current)
        offer = self._offers(asked[1])[asked[0]]

        def act() -> None:
            if offer.reason:
                raise RunError(offer.reason)
            offer.delete()

        _, trouble = self._context.attempt(act)
        told = trouble or stamp(f"{size(offer.freed)} freed.")
        return [
            *self.show(current)[: -len(self._dialogue)],
            gr.update(value=told, visible=True),
            *_closed()[1:],
        ]

    def _run(self, run_id: str | None) -> RunDirectory | None:
        known = self._context.known(run_id)
        return self._context.store.get(known) if known else None

    def _offers(self, run_id: str | None) -> dict[str, Offer]:
        run, store = self._run(run_id), self._context.store
        read_only = READ_ONLY if self._context.scheduler is None else ""
        blocked = read_only or (busy(run) if run else NO_RUN)
        old, name = dispensable(run) if run else [], run_name(run.id) if run else ""
        thinned, cleaned = (freed_by_thinning(run), freed_by_cleaning(run)) if run else (0, 0)
        gone, trash = len(store.trashed()), trash_usage(store)
        none_old = "" if old else "No checkpoint can be spared: the first, the best by kNN and the last stay."
        return {
            "thin": Offer(
                TITLES["thin"],
                thinned,
                f"Delete {counted(len(old), 'checkpoint')} of {name}, all but the first, the best by kNN and the last? "
                f"That frees {size(thinned)}.",
                blocked or none_old,
                lambda: thin(run) if run else 0,
            ),
            "clean": Offer(
                TITLES["clean"],
                cleaned,
                f"Delete the encoded images and maps of {name}? That frees {size(cleaned)}; they are made again "
                "when they are asked for.",
                blocked or ("" if cleaned else "It has no caches."),
                lambda: clean(run) if run else 0,
            ),
            "trash": Offer(
                TITLES["trash"],
                trash,
                f"Delete {counted(gone, 'run')} in the trash for good? That frees {size(trash)}.",
                read_only if gone else "The trash is empty.",
                store.empty_trash,
            ),
        }

    def _text(self, run: RunDirectory | None, offers: dict[str, Offer]) -> str:
        lines = []
        if run is not None:
            of = usage(run)
            lines.append(
                f"{run_name(run.id)} takes {size(of.total)}: {size(of.checkpoints)} of checkpoints, "
                f"{size(of.caches)} of caches, {size(of.records)} of log and metrics."
            )
        if offers["trash"].freed:  # an empty one is told as the reason below
            lines.append(f"The trash holds {size(offers['trash'].freed)}.")
        lines += dict.fromkeys(offer.reason for offer in offers.values() if offer.reason)
        return "".join(f'<p class="stamp">{html.escape(line)}</p>' for line in lines)


def _closed() -> list[Any]:
    hidden = gr.update(visible=False)
    return [hidden, hidden, hidden, None]
