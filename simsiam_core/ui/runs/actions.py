"""What can be done with the run that is looked at: look inside, pause, resume, stop, train longer, fork, copy, delete.

Each acts on the very run that the page shows, and says what stood in its
way beside the button.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from simsiam_core.config import ConfigError, merge, parse
from simsiam_core.jobs import Schedule, extend, fork, pause, resume, stop
from simsiam_core.runs import RunDirectory, RunError
from simsiam_core.ui.components.fill import Fill
from simsiam_core.ui.context import LATEST, QUIET, READ_ONLY, ChangeTracker, Context, Page, Refresh
from simsiam_core.ui.context_bar.network import of_run
from simsiam_core.ui.live.run_text import epochs
from simsiam_core.ui.runs.parts import Look
from simsiam_core.ui.text import problem, run_name

__all__ = ["READ_ONLY", "Actions"]
RESUMABLE = ("paused", "stopped", "failed", "crashed")
SCHEDULE_CHOICES = [
    ("One longer cosine, as if planned from the start", "longer"),
    ("A new cosine from the peak over the added epochs", "restart"),
]


class Actions:
    """The controls, and what they are told about the current run whenever that changes."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.at = gr.State(None)  # the id of the run that is looked at
        self.outputs: list[Any] = [self.at]

    def message(self) -> None:
        """Where the buttons say what is in the way."""
        self._trouble = gr.HTML(elem_id="monitor-message", padding=False)
        self.outputs.append(self._trouble)

    def buttons(self) -> None:
        """Look inside, Pause or Resume, and Stop."""
        self._look = gr.Button("Look inside", size="md", interactive=False, elem_id="monitor-look")
        self._pause = gr.Button("Pause", size="md", interactive=False, elem_id="monitor-pause")
        self._resume = gr.Button("Resume", size="md", visible=False, elem_id="monitor-resume")
        self._stop = gr.Button("Stop", variant="stop", interactive=False, size="md", elem_id="monitor-stop")
        self.outputs += [self._look, self._pause, self._resume, self._stop]

    def more(self) -> None:
        """What is wanted less often; folded away."""
        title = "Train longer, fork, copy, delete"
        with gr.Accordion(title, open=False, elem_id="monitor-more", elem_classes="sheet acts-on-run"):
            with gr.Row(elem_classes="run-actions"):
                with gr.Column():
                    self._epochs = gr.Number(label="Epochs in all", precision=0, elem_id="monitor-epochs")
                    self._schedule = gr.Radio(SCHEDULE_CHOICES, value="longer", label="Learning rate")
                    self._extend = _waiting("Train longer", "monitor-extend")
                with gr.Column():
                    self._checkpoint = gr.Dropdown(
                        label="Checkpoint to go on from",
                        allow_custom_value=True,
                        elem_id="monitor-fork-checkpoint",
                    )
                    self._base_lr = gr.Number(
                        label="Base learning rate",
                        value="",
                        placeholder="as it was",
                        elem_id="monitor-fork-lr",
                    )
                    self._fork_epochs = gr.Number(
                        label="Epochs in all",
                        value="",  # gradio shows None as 0
                        placeholder="as it was",
                        elem_id="monitor-fork-epochs",
                    )
                    self._new_images = gr.Checkbox(
                        label="With the images as they are now",
                        info="Where they have changed since; its epochs are then as long as they make them.",
                        elem_id="monitor-fork-images",
                    )
                    self._fork = _waiting("Start a fork", "monitor-fork")
                    self._from_this = _waiting("Train from this checkpoint", "monitor-train-from")
                with gr.Column():
                    self._copy = _waiting("Copy its settings into the form", "monitor-copy")
                    self._sure = gr.Checkbox(label="Yes, move this run to the trash", elem_id="monitor-sure")
                    self._delete = gr.Button(
                        "Delete", size="sm", variant="stop", interactive=False, elem_id="monitor-delete"
                    )
                    self._trashed = gr.Dropdown(
                        label="In the trash",
                        allow_custom_value=True,
                        visible=False,
                        elem_id="monitor-trashed",
                    )
                    self._undo = gr.Button("Bring back", size="sm", visible=False, elem_id="monitor-undo")
            self._more_trouble = gr.HTML(elem_id="monitor-more-message", padding=False)
        self.outputs += [
            self._epochs, self._extend, self._checkpoint, self._new_images, self._fork,
            self._from_this, self._copy, self._sure, self._delete, self._trashed, self._undo, self._more_trouble,
        ]  # fmt: skip

    def depends(self, seen: Look) -> Any:
        """What `view` depends on."""
        run = seen.current
        checkpoints = [c.name for c in run.checkpoints()] if run else []
        trashed = [r.id for r in self._context.store.trashed()]
        return run and (run.id, seen.state, checkpoints, epochs(run)), trashed

    def view(self, seen: Look, sent: ChangeTracker) -> list[Any]:
        """Updates for `outputs`, without what the page already has."""
        run, state = seen.current, seen.state
        run_id, active = run and run.id, state in ("queued", "running")
        names = [c.name for c in reversed(run.checkpoints())] if run else []
        planned = epochs(run) if run else None
        trashed = [(run_name(r.id), r.id) for r in self._context.store.trashed()]
        newest = trashed[0][1] if trashed else None
        now = (run_id, state)
        return [
            sent.update("at", run_id, run_id),
            sent.update("trouble", run_id, ""),
            sent.update("look", bool(names), gr.update(interactive=bool(names))),
            sent.update("pause", now, _button("Pause", active, state not in RESUMABLE)),
            sent.update("resume", now, gr.update(visible=state in RESUMABLE)),
            sent.update("stop", now, _button("Stop", active or state == "paused")),
            sent.update("epochs", (run_id, planned), gr.update(value=2 * planned if planned else None)),
            sent.update("extend", (run_id, active), gr.update(interactive=bool(run) and not active)),
            sent.update(
                "names", (run_id, names), gr.update(choices=names, value=names[0] if names else None)
            ),
            sent.update("new images", run_id, gr.update(value=False)),
            sent.update("fork", bool(names), gr.update(interactive=bool(names))),
            sent.update("train from", bool(names), gr.update(interactive=bool(names))),
            sent.update("copy", bool(run), gr.update(interactive=bool(run))),
            sent.update("sure", run_id, gr.update(value=False)),  # of one run, not of the next that is shown
            sent.update("delete", run_id, gr.update(interactive=False)),
            sent.update("trashed", trashed, gr.update(choices=trashed, value=newest, visible=bool(trashed))),
            sent.update("undo", bool(trashed), gr.update(visible=bool(trashed))),
            sent.update("more trouble", run_id, ""),
        ]

    def connect(self, page: Page, refresh: Refresh, fill: Fill) -> None:
        """What the controls do."""
        at, trouble = self.at, self._more_trouble
        self._look.click(self._look_inside, at, [page.network, page.link, self._trouble], **QUIET)
        for button, doing, act, again in (
            (self._pause, "Pausing …", pause, "Pause"),
            (self._stop, "Stopping …", stop, "Stop"),
        ):
            button.click(lambda text=doing: _button(text, False), None, button, **QUIET).then(
                lambda run_id, act=act, again=again: self._signalled(run_id, act, again),
                at,
                [button, self._trouble],
                **QUIET,
            ).then(*refresh, **QUIET)
        self._resume.click(
            lambda run_id: self._context.attempt(lambda: resume(self._run(run_id)))[1],
            at,
            self._trouble,
            **QUIET,
        ).then(*refresh, **QUIET)
        longer = [at, self._epochs, self._schedule]
        self._extend.click(self._train_longer, longer, trouble, **QUIET).then(*refresh, **QUIET)
        wanted = [at, self._checkpoint, self._base_lr, self._fork_epochs, self._new_images]
        self._fork.click(self._start_fork, wanted, [page.chosen, page.link, trouble], **QUIET).then(
            *refresh, **QUIET
        )

        def filled_in(values: Mapping[str, Any]) -> dict[Any, Any]:
            form = dict(zip(fill.outputs, fill.updates(values), strict=True))
            return {**form, page.link: {"page": "train"}, trouble: ""}

        def copied(run_id: Any) -> dict[Any, Any]:
            try:
                values = self._run(run_id).config().model_dump(mode="json", exclude={"schema_version"})
            except RunError as error:
                return {trouble: problem(str(error))}
            return filled_in(values)

        def from_checkpoint(run_id: Any, checkpoint: Any, given: Any) -> dict[Any, Any]:
            try:
                values = merge(fill.values(given), self._from(run_id, checkpoint))
                parse(values)  # what stands in the form may be refused
            except (RunError, ConfigError) as error:
                return {trouble: problem(str(error))}
            return filled_in(values)

        filled = [*fill.outputs, page.link, trouble]
        self._from_this.click(from_checkpoint, [at, self._checkpoint, fill.given], filled, **QUIET)
        self._copy.click(copied, at, filled, **QUIET)
        self._sure.input(lambda sure: gr.update(interactive=sure is True), self._sure, self._delete, **LATEST)
        self._delete.click(
            self._to_trash, [at, page.chosen, self._sure], [page.chosen, trouble], **QUIET
        ).then(*refresh, **QUIET)
        self._undo.click(self._bring_back, self._trashed, [page.chosen, trouble], **QUIET).then(
            *refresh, **QUIET
        )

    def _from(self, run_id: Any, checkpoint: Any) -> dict[str, Any]:
        """Settings of a run that starts from a checkpoint: its weights, and what these depend on."""
        run = self._run(run_id)
        config, found = run.config(), run.checkpoint(str(checkpoint))
        model = config.model.model_dump(include={"backbone", "stem", "width"})
        return {
            "model": {**model, "weights": f"{run.id}:{found.name}"},
            "data": {"image_size": config.data.image_size},
        }

    # --- what they do -------------------------------------------------------------------------------

    def _run(self, run_id: Any) -> RunDirectory:
        if not run_id:
            raise RunError("There is no run yet.")
        return self._context.store.get(str(run_id))

    def _look_inside(self, run_id: Any) -> tuple[Any, Any, str]:
        network, trouble = of_run(self._context, run_id)
        if network is None:
            return gr.skip(), gr.skip(), problem(trouble)
        return network, {**network.address(), "page": "look"}, ""

    def _signalled(self, run_id: Any, act: Callable[[RunDirectory], None], again: str) -> tuple[Any, str]:
        _, trouble = self._context.attempt(lambda: act(self._run(run_id)))
        # What became of it is told by the news; only what did not work is to be tried again.
        return (_button(again, True) if trouble else gr.skip()), trouble

    def _train_longer(self, run_id: Any, wanted: Any, schedule: Schedule) -> str:
        return self._context.attempt(
            lambda: extend(self._run(run_id), _whole(wanted, "Epochs in all"), schedule)
        )[1]

    def _start_fork(
        self, run_id: Any, checkpoint: Any, base_lr: Any, wanted: Any, new_images: Any
    ) -> tuple[Any, Any, str]:
        def act() -> RunDirectory:
            changes: dict[str, Any] = {}
            if base_lr not in (None, ""):
                changes["optimiser"] = {"base_lr": base_lr}
            if wanted not in (None, ""):
                changes["training"] = {"epochs": _whole(wanted, "Epochs in all")}
            store, run = self._context.store, self._run(run_id)
            return fork(store, run, str(checkpoint), changes, new_images=new_images is True)

        run, trouble = self._context.attempt(act)
        return ([run.id], {"runs": run.id}, "") if run else (gr.skip(), gr.skip(), trouble)

    def _to_trash(self, run_id: Any, chosen: list[str], sure: Any) -> tuple[Any, str]:
        if sure is not True:
            return gr.skip(), problem("Tick the box first: it says that you mean this run.")

        def act() -> RunDirectory:
            run = self._run(run_id)
            self._context.store.trash(run)
            return run

        run, trouble = self._context.attempt(act)
        if run is None:
            return gr.skip(), trouble
        gr.Info(f"{run_name(run.id)} is in the trash; Bring back undoes that.")
        return [other for other in chosen if other != run.id], ""

    def _bring_back(self, run_id: Any) -> tuple[Any, str]:
        run, trouble = self._context.attempt(lambda: self._context.store.restore(str(run_id)))
        return ([run.id] if run else gr.skip()), trouble


def _waiting(text: str, elem_id: str) -> gr.Button:
    """A button that waits until it is known which run the page looks at."""
    return gr.Button(text, size="sm", interactive=False, elem_id=elem_id)


def _button(text: str, interactive: bool, visible: bool = True) -> Any:
    return gr.update(value=text, interactive=interactive, visible=visible)


def _whole(value: Any, title: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise RunError(f"{title} must be a whole number.")
    return int(value)
