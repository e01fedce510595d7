"""Stop requests during training."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl

from simsiam_core.jobs.stop_request import StopRequest
from simsiam_core.training.callbacks.checkpoints import CheckpointCallback
from simsiam_core.training.collapse import CollapseWatch
from simsiam_core.training.ranks import Ranks


class StopCallback(pl.Callback):
    """Callback that ends training at the next step boundary, with a checkpoint, on request.

    Must be the last callback, so that the others have already written what they record of a step.
    """

    def __init__(
        self,
        request: StopRequest,
        ranks: Ranks,
        checkpoints: CheckpointCallback | None = None,  # if this process writes them
        collapse: CollapseWatch | None = None,
    ) -> None:
        self._request = request
        self._ranks = ranks
        self._checkpoints = checkpoints
        self._collapse = collapse  # given if a collapse should end the run
        self._hangup_said = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Stop before the first step if requested; the checkpoint to start from, if any, is then the newest."""
        self._check_request(trainer)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, *_: Any) -> None:
        """Stop after this step if requested: a step is the smallest unit that can be resumed from."""
        if self._collapse and self._collapse.lasting_sentence:
            self._request.state = self._request.state or "stopped"
        self._check_request(trainer)
        if not pl_module.at_epoch_end:
            self._save_if_asked(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Stop after this epoch if requested, with its evaluation done and counted as complete."""
        if pl_module.at_epoch_end:
            self._check_request(trainer)  # requested during the evaluation, or while a checkpoint was written
            self._save_if_asked(trainer)

    def _check_request(self, trainer: pl.Trainer) -> None:
        self._request.state = self._ranks.broadcast_request(self._request.state)
        trainer.should_stop = trainer.should_stop or self._request.state is not None

    def _save_if_asked(self, trainer: pl.Trainer) -> None:
        if self._checkpoints is None:
            return
        hung_up = self._request.hung_up and not self._hangup_said
        if trainer.should_stop or hung_up:
            self._checkpoints.write_last(trainer)
        if hung_up:
            self._hangup_said = True
            print(
                f"The terminal was closed (SIGHUP). The run goes on, with a checkpoint of step "
                f"{trainer.global_step}; 'runs stop' ends it.",
                flush=True,
            )
