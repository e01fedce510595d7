"""Checkpoints during training."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from simsiam_core.config import CheckpointConfig
from simsiam_core.runs import RunDirectory
from simsiam_core.runs.files import replacing
from simsiam_core.training.callbacks.metrics import MetricsCallback
from simsiam_core.training.failure import TrainingFailure


class CheckpointCallback(pl.Callback):
    """Callback that writes `epoch=0000.ckpt` before training, then checkpoints every few epochs.

    `last.ckpt` links to the newest. In between, it is rewritten every few minutes, so that a crash costs
    minutes however long an epoch takes. Metrics are on disk before a checkpoint is: a resumed run never lacks
    a step.
    """

    def __init__(self, run: RunDirectory, config: CheckpointConfig, metrics: MetricsCallback) -> None:
        self._run = run
        self._every = config.checkpoint_every
        self._kept = config.checkpoints_kept
        self._last_seconds = 60 * config.last_every
        self._metrics = metrics
        self._written = time.monotonic()
        self._last_step: int | None = None  # of the newest checkpoint

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Write the untrained network, the starting point of every view over training."""
        if trainer.global_step == 0:
            self._write(trainer, "epoch=0000.ckpt")

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Write every `checkpoint_every` epochs and at the end of training; otherwise by elapsed time."""
        done = pl_module.epochs_done
        if done > trainer.current_epoch and (
            done % self._every == 0 or done == pl_module.config.training.epochs
        ):
            self._write(trainer, f"epoch={done:04d}.ckpt")
            self._drop_oldest()
        elif time.monotonic() - self._written >= self._last_seconds:
            self.write_last(trainer)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, *_: Any) -> None:
        """Write by elapsed time; at the end of an epoch, `on_train_epoch_end` does, once it is complete."""
        if time.monotonic() - self._written >= self._last_seconds and not pl_module.at_epoch_end:
            self.write_last(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Save the last step, however training ended."""
        if trainer.global_step:
            self.write_last(trainer)

    def write_last(self, trainer: pl.Trainer) -> None:
        """Write a checkpoint of the current step as `last.ckpt` only, unless there is one already."""
        if self._last_step == trainer.global_step:
            return
        self._save(trainer, self._run.checkpoints_dir / "last.ckpt")
        self._last_step = trainer.global_step

    def _save(self, trainer: pl.Trainer, target: Path) -> None:
        module: Any = trainer.lightning_module
        self._metrics.flush(trainer, module)
        if not all(bool(torch.isfinite(weights).all()) for weights in module.parameters()):
            raise TrainingFailure(
                f"The weights are no longer numbers after step {trainer.global_step}; lower the learning rate."
            )
        with replacing(target, durable=True) as temporary:
            trainer.save_checkpoint(temporary)
        self._written = time.monotonic()

    def _write(self, trainer: pl.Trainer, name: str) -> None:
        target = self._run.checkpoints_dir / name
        self._save(trainer, target)
        with replacing(self._run.checkpoints_dir / "last.ckpt") as temporary:
            temporary.unlink()
            try:
                os.link(target, temporary)
            except OSError:  # a file system without hard links
                shutil.copyfile(target, temporary)
        self._last_step = trainer.global_step

    def _drop_oldest(self) -> None:
        numbered = [c for c in self._run.checkpoints() if c.epoch]  # epoch 0 is always kept
        for checkpoint in numbered[: -self._kept]:
            checkpoint.path.unlink(missing_ok=True)
