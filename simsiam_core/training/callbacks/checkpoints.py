"""Checkpoints while a run trains."""

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
    """Writes `epoch=0000.ckpt` before training, then at the cadence; `last.ckpt` links to the newest.

    Between them `last.ckpt` is written by the clock, so that a crash costs minutes whatever an epoch takes.
    Metrics are on disk before a checkpoint is: a resumed run never lacks a step.
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
        """Write the untrained network, with which views through training begin."""
        if trainer.global_step == 0:
            self._write(trainer, "epoch=0000.ckpt")

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Write at the cadence and at the end of training; else by the clock."""
        done = pl_module.epochs_done
        if done > trainer.current_epoch and (
            done % self._every == 0 or done == pl_module.config.training.epochs
        ):
            self._write(trainer, f"epoch={done:04d}.ckpt")
            self._drop_oldest()
        elif time.monotonic() - self._written >= self._last_seconds:
            self.write_last(trainer)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, *_: Any) -> None:
        """Write by the clock; at the end of an epoch `on_train_epoch_end` does, when the epoch is complete."""
        if time.monotonic() - self._written >= self._last_seconds and not pl_module.at_epoch_end:
            self.write_last(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Save the last step, however training came to its end."""
        if trainer.global_step:
            self.write_last(trainer)

    def write_last(self, trainer: pl.Trainer) -> None:
        """Write a checkpoint of this very step under the name `last` alone, unless that is one already."""
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
            except OSError:  # a file system without links
                shutil.copyfile(target, temporary)
        self._last_step = trainer.global_step

    def _drop_oldest(self) -> None:
        numbered = [c for c in self._run.checkpoints() if c.epoch]  # the first, epoch 0, always stays
        for checkpoint in numbered[: -self._kept]:
            checkpoint.path.unlink(missing_ok=True)
