"""Checkpoints during training."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import nullcontext
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

    `last.ckpt` links to the newest. In between, it is `due` every few minutes, so that a crash costs minutes
    however long an epoch takes. Metrics are on disk before a checkpoint is: a resumed run never lacks a step.
    All processes of a run take part in a checkpoint; the one with `metrics` writes it.
    """

    def __init__(self, run: RunDirectory, config: CheckpointConfig, metrics: MetricsCallback | None) -> None:
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
        """Write every `checkpoint_every` epochs and at the end of training."""
        done = pl_module.epochs_done
        if done > trainer.current_epoch and (
            done % self._every == 0 or done == pl_module.config.training.epochs
        ):
            self._write(trainer, f"epoch={done:04d}.ckpt")
            if self._metrics:
                self._drop_oldest()

    @property
    def due(self) -> bool:
        """Whether `last.ckpt` has not been written for long enough."""
        return time.monotonic() - self._written >= self._last_seconds

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
        if self._metrics:
            self._metrics.flush(trainer, module)
        if not all(bool(torch.isfinite(weights).all()) for weights in module.parameters()):
            raise TrainingFailure(
                f"The weights are no longer numbers after step {trainer.global_step}; lower the learning rate."
            )
        with replacing(target, durable=True) if self._metrics else nullcontext(target) as path:
            trainer.save_checkpoint(path)
        self._written = time.monotonic()

    def _write(self, trainer: pl.Trainer, name: str) -> None:
        target = self._run.checkpoints_dir / name
        self._save(trainer, target)
        self._last_step = trainer.global_step
        if self._metrics is None:
            return
        with replacing(self._run.checkpoints_dir / "last.ckpt") as temporary:
            temporary.unlink()
            try:
                os.link(target, temporary)
            except OSError:  # a file system without hard links
                shutil.copyfile(target, temporary)

    def _drop_oldest(self) -> None:
        numbered = [c for c in self._run.checkpoints() if c.epoch]  # epoch 0 is always kept
        for checkpoint in numbered[: -self._kept]:
            checkpoint.path.unlink(missing_ok=True)
