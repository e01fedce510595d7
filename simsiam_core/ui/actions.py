"""What can be done with the current run, and the queue: the part of Monitor that changes things."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from simsiam_core.config import ConfigError
from simsiam_core.jobs import Schedule, extend, fork, pause, read_queue, resume, stop
from simsiam_core.runs import RunDirectory, RunError
from simsiam_core.ui.context import QUIET, Context, Page, Sent
from simsiam_core.ui.widgets import widget
from simsiam_core.ui.words import run_name

READ_ONLY = "This dashboard only looks (--read-only): another one works on these runs; use that one."
EMPTY = "Nothing runs or waits."
SCHEDULE_CHOICES = [
    ("One longer cosine, as if planned from the start", "longer"),
    ("A new cosine from the peak over the added epochs", "restart"),
]


class Actions:
    """The controls, and what each tick of the clock tells them about the current run."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.outputs: list[Any] = []

    def queue(self) -> gr.HTML:
        """The list of what runs and waits."""
        gr.HTML("<h3>Queue</h3>", padding=False)
        self._queue = widget("queue", "monitor-queue", {"rows": [], "empty": EMPTY})
        return self._queue

    def buttons(self) -> None:
        """Pause and Resume, beside Stop."""
        self._pause = gr.Button("Pause", size="md", interactive=False, elem_id="monitor-pause")
        self._resume = gr.Button("Resume", size="md", visible=False, elem_id="monitor-resume")

    def more(self) -> None:
        """Train longer, fork, delete; folded away."""
        with (
            gr.Accordion(
                "Train longer, fork, delete", open=False, elem_id="monitor-more", elem_classes="sheet"
            ),
            gr.Row(elem_classes="run-actions"),
        ):
            with gr.Column():
                self._epochs = gr.Number(label="Epochs in all", precision=0, elem_id="monitor-epochs")
                self._schedule = gr.Radio(SCHEDULE_CHOICES, value="longer", label="Learning rate")
                self._extend = gr.Button("Train longer", size="sm", elem_id="monitor-extend")
            with gr.Column():
                self._checkpoint = gr.Dropdown(
                    label="Fork from checkpoint", allow_custom_value=True, elem_id="monitor-fork-checkpoint"
                )
                self._base_lr = gr.Number(label="Base learning rate", info="Empty: as it was.")
                self._fork_epochs = gr.Number(label="Epochs in all", precision=0, info="Empty: as it was.")
                self._fork = gr.Button("Start a fork", size="sm", elem_id="monitor-fork")
            with gr.Column():
                self._sure = gr.Checkbox(label="Yes, move this run to the trash", elem_id="monitor-sure")
                self._delete = gr.Button(
                    "Delete", size="sm", variant="stop", interactive=False, elem_id="monitor-delete"
                )
                self._trashed = gr.Dropdown(
                    label="In the trash", allow_custom_value=True, visible=False, elem_id="monitor-trashed"
                )
                self._undo = gr.Button("Bring back", size="sm", visible=False, elem_id="monitor-undo")
        self.outputs = [
            self._queue, self._pause, self._resume, self._epochs, self._checkpoint, self._trashed, self._undo,
        ]  # fmt: skip

    def view(self, chosen: list[str], sent: Sent) -> list[Any]:
        """Updates for `outputs`, without what the page already has."""
        rows = [
            {
                "id": entry.run.id,
                "name": run_name(entry.run.id),
                "state": entry.status.state,
                "reason": entry.reason,
                "group": entry.run.notes().group,
                "movable": self._context.scheduler is not None,
            }
            for entry in read_queue(self._context.store)
        ]
        trashed = [run.id for run in self._context.store.trashed()]
        run, first = self._current(chosen), trashed[0] if trashed else None
        state = run.status().state if run else ""
        names = [c.name for c in reversed(run.checkpoints())] if run else []
        newest = names[0] if names else None
        choices = [(run_name(run_id), run_id) for run_id in trashed]
        epochs = _epochs(run)
        return [
            sent.update("queue", rows, {"rows": rows, "empty": EMPTY}),
            sent.update(
                "pause",
                (run and run.id, state),
                gr.update(
                    value="Pause", interactive=state in ("queued", "running"), visible=not _resumable(state)
                ),
            ),
            sent.update("resume", (run and run.id, state), gr.update(visible=_resumable(state))),
            sent.update("epochs", (run and run.id, epochs), gr.update(value=2 * epochs if epochs else None)),
            sent.update("names", (run and run.id, names), gr.update(choices=names, value=newest)),
            sent.update(
                "trashed",
                trashed,
                gr.update(choices=choices, value=first, visible=bool(trashed)),
            ),
            sent.update("undo", bool(trashed), gr.update(visible=bool(trashed))),
        ]

    def connect(self, page: Page, refresh: tuple[Callable[..., Any], list[Any], list[Any]]) -> None:
        """What the controls do; `refresh` is the tick's function, inputs and outputs."""
        said = self._said
        current = page.chosen

        def then(event: Any) -> None:
            event.then(*refresh, **QUIET)

        pausing = self._pause.click(
            lambda: gr.update(value="Pausing …", interactive=False), None, self._pause, **QUIET
        )
        then(pausing.then(lambda chosen: said(lambda: pause(self._run(chosen))), current, None, **QUIET))
        then(
            self._resume.click(lambda chosen: said(lambda: resume(self._run(chosen))), current, None, **QUIET)
        )
        then(self._extend.click(self._train_longer, [current, self._epochs, self._schedule], None, **QUIET))
        wanted = [current, self._checkpoint, self._base_lr, self._fork_epochs]
        then(self._fork.click(self._start_fork, wanted, [page.chosen, page.link], **QUIET))
        self._sure.input(lambda sure: gr.update(interactive=bool(sure)), self._sure, self._delete, **QUIET)
        then(
            self._delete.click(
                self._to_trash, [current, self._sure], [current, self._sure, self._delete], **QUIET
            )
        )
        then(self._undo.click(self._bring_back, self._trashed, current, **QUIET))
        then(self._queue.input(self._reorder, None, None, **QUIET))
        then(self._queue.click(self._take_out, None, None, **QUIET))
        then(self._queue.select(self._look_at, None, [page.chosen, page.link], **QUIET))

    # --- what they do -------------------------------------------------------------------------------

    def _said(self, act: Callable[[], Any]) -> Any:
        """Do it; what stands in its way becomes a warning on the page."""
        try:
            if self._context.scheduler is None:
                raise RunError(READ_ONLY)
            result = act()
            self._context.scheduler.wake()
            return result
        except (RunError, ConfigError) as error:
            gr.Warning(str(error))
            return None

    def _run(self, chosen: Any) -> RunDirectory:
        run = self._current(chosen)
        if run is None:
            raise RunError("There is no run yet.")
        return run

    def _current(self, chosen: Any) -> RunDirectory | None:
        runs = self._context.store.runs()
        wanted = chosen[0] if isinstance(chosen, list) and chosen else None
        return next((run for run in runs if run.id == wanted), runs[0] if runs else None)

    def _train_longer(self, chosen: list[str], epochs: Any, schedule: Schedule) -> None:
        self._said(lambda: extend(self._run(chosen), _whole(epochs, "Epochs in all"), schedule))

    def _start_fork(self, chosen: list[str], checkpoint: Any, base_lr: Any, epochs: Any) -> Any:
        def act() -> RunDirectory:
            changes: dict[str, Any] = {}
            if base_lr is not None:
                changes["optimiser"] = {"base_lr": base_lr}
            if epochs is not None:
                changes["training"] = {"epochs": _whole(epochs, "Epochs in all")}
            return fork(self._context.store, self._run(chosen), str(checkpoint), changes)

        run = self._said(act)
        return ([run.id], {"run": run.id}) if run else (gr.skip(), gr.skip())

    def _to_trash(self, chosen: list[str], sure: Any) -> Any:
        if not sure:
            return gr.skip(), gr.skip(), gr.skip()

        def act() -> str:
            run = self._run(chosen)
            self._context.store.trash(run)
            gr.Info(f"{run_name(run.id)} is in the trash; Bring back undoes that.")
            return run.id

        gone = self._said(act)
        left = [run_id for run_id in chosen if run_id != gone]
        return left, gr.update(value=False), gr.update(interactive=False)

    def _bring_back(self, run_id: Any) -> Any:
        run = self._said(lambda: self._context.store.restore(str(run_id)))
        return [run.id] if run else gr.skip()

    def _reorder(self, event: gr.EventData) -> None:
        def act() -> None:
            assert self._context.scheduler is not None
            to = event.to if isinstance(event.to, int) else str(event.to)
            self._context.scheduler.queue.move(str(event.id), to)

        self._said(act)

    def _take_out(self, event: gr.EventData) -> None:
        def act() -> None:
            run = self._context.store.get(str(event.id))
            if run.status().state == "running":
                raise RunError(f"Run {run.id} has started meanwhile; use Stop.")
            stop(run)

        self._said(act)

    def _look_at(self, event: gr.EventData) -> Any:
        known = [run.id for run in self._context.store.runs() if run.id == event.id]
        return (known, {"run": known[0]}) if known else (gr.skip(), gr.skip())


def _resumable(state: str) -> bool:
    return state in ("paused", "stopped", "failed", "crashed")


def _epochs(run: RunDirectory | None) -> int | None:
    try:
        return run.config().training.epochs if run else None
    except RunError:
        return None


def _whole(value: Any, title: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise RunError(f"{title} must be a whole number.")
    return int(value)
