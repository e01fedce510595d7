"""Stop requests during training."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl

from simsiam_core.jobs.stop_request import StopRequest
from simsiam_core.training.callbacks.checkpoints import CheckpointCallback
from simsiam_core.training.collapse import CollapseWatch
from simsiam_core.training.ranks import Ranks


class StopCallback(pl.Callback):
    """Callback that acts on requests at the next step boundary, in all processes of a run at the same one.

    A request to end ends training with a checkpoint. A checkpoint is also written when the terminal was closed,
    and when one is due. Must be the last callback, so that the others have already written what they record of
    a step.
    """

    def __init__(
        self,
        request: StopRequest,
        ranks: Ranks,
        checkpoints: CheckpointCallback,
        collapse: CollapseWatch | None = None,
    ) -> None:
        self._request = request
        self._ranks = ranks
        self._checkpoints = checkpoints
        self._collapse = collapse  # given if a collapse should end the run
        self._hangup_said = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Stop before the first step if requested; the checkpoint to start from, if any, is then the newest."""
        self._agree(trainer)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, *_: Any) -> None:
        """Stop after this step if requested: a step is the smallest unit that can be resumed from."""
        if self._collapse and self._collapse.lasting_sentence:
            self._request.state = self._request.state or "stopped"
        if self._agree(trainer) and not pl_module.at_epoch_end:
            self._save(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Stop after this epoch if requested, with its evaluation done and counted as complete."""
        # Requested during the evaluation, or while a checkpoint was written.
        if pl_module.at_epoch_end and self._agree(trainer):
            self._save(trainer)

    @property
    def _hung_up(self) -> bool:
        return self._request.hung_up and not self._hangup_said

    def _agree(self, trainer: pl.Trainer) -> bool:
        """Take over what any process is asked for; return whether a checkpoint is to be written."""
        copy = self._hung_up or self._checkpoints.due
        self._request.state, copy = self._ranks.agree(self._request.state, copy)
        trainer.should_stop = trainer.should_stop or self._request.state is not None
        return trainer.should_stop or copy

    def _save(self, trainer: pl.Trainer) -> None:
        self._checkpoints.write_last(trainer)
        if self._hung_up:
            self._hangup_said = True
            print(
                f"The terminal was closed (SIGHUP). The run goes on, with a checkpoint of step "
                f"{trainer.global_step}; 'runs stop' ends it.",
                flush=True,
            )
