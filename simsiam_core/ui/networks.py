"""Choosing a network: a run and one of its checkpoints, on every tab that looks inside one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.events import Dependency

from simsiam_core.runs import RunDirectory, RunError
from simsiam_core.ui.context import QUIET, Context, Page
from simsiam_core.ui.freshness import Refused
from simsiam_core.ui.words import problem, run_name

NO_RUNS = "No run has a checkpoint yet. Start one on the Train tab; the first checkpoint comes at once."
OTHERS_LISTED = 50  # runs that are offered to be compared with
Network = tuple[RunDirectory, str]


@dataclass(frozen=True)
class Picker:
    """A box for the run and one for its checkpoint."""

    run: gr.Dropdown
    checkpoint: gr.Dropdown

    @property
    def boxes(self) -> list[Any]:
        """As inputs: a run's id and a checkpoint's name."""
        return [self.run, self.checkpoint]

    def wire(
        self, context: Context, page: Page, tab: gr.Tab, trouble: gr.HTML, ask: gr.Button | None = None
    ) -> tuple[Dependency, Dependency]:
        """Keep the boxes in step with the disk, the page's run and the address; `ask` works once they are filled in.

        Returns what happens when the tab is opened and when another run is chosen, for more to follow on them by
        `success`.
        """

        def use(run_id: str) -> Iterator[list[Any]]:
            try:
                run = context.store.get(run_id)
            except RunError as error:
                yield [gr.skip(), gr.skip(), gr.skip(), problem(str(error))]
                raise Refused from None
            yield [checkpoint_choices(run, None), [run.id], {"run": run.id}, ""]

        changed = self.run.input(use, self.run, [self.checkpoint, page.chosen, page.link, trouble], **QUIET)
        return self._opened(context, page, tab, ask), changed

    def wire_alone(self, context: Context, page: Page, tab: gr.Tab, ask: gr.Button) -> None:
        """The same for a second network, whose choice is nobody else's business; at first it is an early one."""

        def use(run_id: str) -> Any:
            try:
                return checkpoint_choices(context.store.get(run_id), None, early=True)
            except RunError:
                return gr.skip()

        self.run.input(use, self.run, self.checkpoint, **QUIET)
        self._opened(context, page, tab, ask, early=True)

    def _opened(
        self, context: Context, page: Page, tab: gr.Tab, ask: gr.Button | None, *, early: bool = False
    ) -> Dependency:
        buttons = [ask] if ask is not None else []

        def refresh(chosen: list[str], name: str | None) -> list[Any]:
            filled = choices(context, chosen, name, early=early)
            return [*filled, *(gr.update(interactive=True) for _ in buttons)]

        return tab.select(refresh, [page.chosen, self.checkpoint], [*self.boxes, *buttons], **QUIET)


def picker(prefix: str) -> Picker:
    """The boxes, here."""
    # What is chosen is checked against the disk; gradio would check against a page's old choices.
    run = gr.Dropdown(label="Run", allow_custom_value=True, elem_id=f"{prefix}-run")
    return Picker(
        run, gr.Dropdown(label="Checkpoint", allow_custom_value=True, elem_id=f"{prefix}-checkpoint")
    )


def ask_button(label: str, elem_id: str, **look: Any) -> gr.Button:
    """Asks about the network chosen; not to be pressed before `wire` has filled the boxes in."""
    return gr.Button(label, elem_id=elem_id, interactive=False, **{"variant": "primary", **look})


def none_chosen(context: Context) -> str:
    """Why there is no network to ask: there is none yet, or none was chosen."""
    there = any(run.checkpoints() for run in context.store.runs())
    return "Choose a run and a checkpoint first." if there else NO_RUNS


def choices(context: Context, chosen: list[str], name: str | None, *, early: bool = False) -> tuple[Any, Any]:
    """Updates of both boxes for the current run, or the newest; empty where no run has a checkpoint."""
    runs = [run for run in context.store.runs() if run.checkpoints()]
    if not runs:
        return gr.update(choices=[], value=None), gr.update(choices=[], value=None)
    run = next((run for run in runs if chosen and run.id == chosen[0]), runs[0])
    names = [(run_name(r.id), r.id) for r in runs]
    return gr.update(choices=names, value=run.id), checkpoint_choices(run, name, early=early)


def checkpoint_choices(run: RunDirectory, name: str | None, *, early: bool = False) -> Any:
    """The checkpoints of a run, the newest first; `name` stays chosen if it is among them, else newest or earliest."""
    names = [checkpoint.name for checkpoint in reversed(run.checkpoints())]
    shown = [(checkpoint_name(n), n) for n in names]
    if name not in names:
        name = names[-1 if early else 0] if names else None
    return gr.update(choices=shown, value=name)


def others(context: Context, run: RunDirectory) -> list[tuple[str, str]]:
    """What may be compared with a run's checkpoint: its others, and the last of other runs; as `network` reads it."""
    found = [(checkpoint_name(n), f"{run.id}|{n}") for n in in_order(run)]
    elsewhere = [r for r in context.store.runs()[:OTHERS_LISTED] if r.id != run.id and r.checkpoints()]
    return [*found, *((f"{run_name(other.id)}, last", f"{other.id}|last") for other in elsewhere)]


def network(context: Context, reference: str) -> Network:
    """The run and the checkpoint's name that a choice of `others` stands for. Raises RunError."""
    run_id, _, name = str(reference).partition("|")
    run = context.store.get(run_id)
    return run, run.checkpoint(name).name


def in_order(run: RunDirectory) -> list[str]:
    """Names in the order of training; `last` only where it is all there is."""
    names = [checkpoint.name for checkpoint in run.checkpoints()]
    return [name for name in names if name != "last"] or names


def checkpoint_name(name: str) -> str:
    """`epoch 10`, `last`."""
    return f"epoch {int(name.removeprefix('epoch='))}" if name.startswith("epoch=") else name


def title(run: RunDirectory, name: str) -> str:
    """`quick · 3f2a, epoch 10`."""
    return f"{run_name(run.id)}, {checkpoint_name(name)}"
