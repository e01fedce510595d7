"""What watches a training run: metrics, status, kNN accuracy, checkpoints, and the wish to stop."""

from __future__ import annotations

import math
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from simsiam_core.config import CheckpointConfig
from simsiam_core.features.diagnostics import effective_rank
from simsiam_core.runs import MetricsWriter, RunDirectory
from simsiam_core.runs.files import replacing
from simsiam_core.training.collapse import CollapseWatch
from simsiam_core.training.evaluation import Evaluation
from simsiam_core.training.module import SimSiamModule
from simsiam_core.training.ranks import Ranks
from simsiam_core.training.status import StatusWriter
from simsiam_core.training.wishes import Wish

FLUSH_SECONDS = 0.5  # how long a metric may wait on the device before it is written
RANK_EVERY_STEPS = 50
WATCHED = {  # what a step returns, and the metric that it is written as; the last where rotation is a task
    "mean_loss": "train/loss",
    "std": "representation/std",
    "rotation_accuracy": "train/rotation_accuracy",
}


class TrainingFailure(RuntimeError):
    """Training cannot go on; the message is one sentence for the user."""


class MetricsCallback(pl.Callback):
    """Gathers metrics on the device and writes them in batches: one synchronisation per flush, none per step."""

    def __init__(
        self, writer: MetricsWriter, status: StatusWriter, collapse: CollapseWatch | None = None
    ) -> None:
        self._writer = writer
        self._status = status
        self._collapse = collapse or CollapseWatch()
        self._warned = False
        self._pending: list[tuple[dict[str, Any], Tensor]] = []
        self._rates: dict[str, float] = {}
        self._last_flush = time.monotonic()
        self._last_z: Tensor | None = None

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Throughput counts training alone: evaluation between epochs is left out."""
        self._last_flush = time.monotonic()

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """The learning rates that this very step uses; after it the schedule has moved on."""
        self._rates = pl_module.learning_rates()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Keep this step's numbers; flush when the oldest has waited long enough."""
        line = {
            "step": trainer.global_step,
            "epoch": trainer.current_epoch,
            "time": time.time(),
            **self._rates,
        }
        watched = [outputs[key].detach().float() for key in WATCHED if key in outputs]
        self._pending.append((line, torch.stack(watched)))
        self._last_z = outputs["z"]
        if time.monotonic() - self._last_flush >= FLUSH_SECONDS:
            self.flush(trainer, pl_module)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leave nothing unwritten before evaluation and checkpoint."""
        self.flush(trainer, pl_module)

    def flush(self, trainer: pl.Trainer, module: Any) -> None:
        """Write what is pending. Raises TrainingFailure at a loss that is no number, all before it written."""
        if not self._pending:
            return
        lines: list[dict[str, Any]] = []
        for (line, _), values in zip(
            self._pending, torch.stack([values for _, values in self._pending]).tolist(), strict=True
        ):
            loss = values[0]
            if not math.isfinite(loss):
                self._pending.clear()
                self._writer.write(lines)
                raise TrainingFailure(
                    f"The loss became {loss} at step {line['step']}; lower the learning rate or use precision 32-true."
                )
            lines.append({**line, **dict(zip(WATCHED.values(), values, strict=False))})
        now = time.monotonic()
        images = len(lines) * module.config.training.batch_size
        lines[-1]["train/images_per_second"] = round(images / max(now - self._last_flush, 1e-9), 1)
        crossed = lines[0]["step"] // RANK_EVERY_STEPS != (lines[-1]["step"] + 1) // RANK_EVERY_STEPS
        if self._last_z is not None and (crossed or lines[-1]["step"] == module.total_steps):
            lines[-1]["representation/effective_rank"] = round(float(effective_rank(self._last_z)), 2)
        self._writer.write(lines)
        self._collapse.observe(lines)
        if self._collapse.sentence and not self._warned:
            print(self._collapse.sentence, flush=True)
        self._warned = self._collapse.sentence is not None
        self._status.beat(step=lines[-1]["step"], epoch=lines[-1]["epoch"], activity="Training")
        self._pending.clear()
        self._last_flush = now


class KnnCallback(pl.Callback):
    """Measures kNN accuracy before training and every `knn_every` epochs, and says so in the log."""

    def __init__(
        self,
        evaluation: Evaluation,
        writer: MetricsWriter | None = None,  # None where this process only helps to encode
        status: StatusWriter | None = None,
    ) -> None:
        self._evaluation = evaluation
        self._writer = writer
        self._status = status

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """The untrained network and the raw pixels are what training has to beat."""
        if trainer.global_step:
            return
        extra = {}
        if self._writer:
            extra["val/knn_accuracy_raw_pixels"] = baseline = self._evaluation.raw_pixel_accuracy()
            print(f"kNN on raw pixels: {baseline:.1%}", flush=True)
        self._measure(trainer, pl_module, extra)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """At the cadence, and at the end of training."""
        done, config = pl_module.epochs_done, pl_module.config
        if trainer.should_stop and done == trainer.current_epoch:
            return  # stopped in mid-epoch: no time to spend
        if done % config.knn.knn_every == 0 or done == config.training.epochs:
            self._measure(trainer, pl_module, {})

    def _measure(self, trainer: pl.Trainer, module: SimSiamModule, extra: dict[str, float]) -> None:
        if self._status:
            self._status.beat(force=True, activity="Measuring kNN accuracy")
        accuracy = self._evaluation.knn_accuracy(module.encoder())
        if accuracy is None or self._writer is None:
            return
        line = {"step": trainer.global_step, "epoch": module.epochs_done, "time": time.time()}
        self._writer.write([{**line, "val/knn_accuracy": accuracy, **extra}])
        epochs = module.config.training.epochs
        print(f"epoch {module.epochs_done}/{epochs}: kNN accuracy {accuracy:.1%}", flush=True)


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
        self._written_step = -1

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """The untrained network: where the story that the checkpoints tell begins."""
        if trainer.global_step == 0:
            self._write(trainer, "epoch=0000.ckpt")

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """At the cadence, and at the end of training."""
        done = pl_module.epochs_done
        if done > trainer.current_epoch and (
            done % self._every == 0 or done == pl_module.config.training.epochs
        ):
            self._write(trainer, f"epoch={done:04d}.ckpt")
            self._drop_oldest()

        elif time.monotonic() - self._written >= self._last_seconds:
            self.write_last(trainer)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, *_: Any) -> None:
        """By the clock; the end of an epoch is seen to above, when the epoch is complete."""
        if time.monotonic() - self._written >= self._last_seconds and not pl_module.at_epoch_end:
            self.write_last(trainer)

    def on_train_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """However training came to its end, its last step is saved."""
        if trainer.global_step and self._written_step != trainer.global_step:
            self.write_last(trainer)

    def write_last(self, trainer: pl.Trainer) -> None:
        """A checkpoint of this very step under the name `last` alone."""
        self._save(trainer, self._run.checkpoints_dir / "last.ckpt")

    def _save(self, trainer: pl.Trainer, target: Path) -> None:
        module: Any = trainer.lightning_module
        self._metrics.flush(trainer, module)
        if not all(bool(torch.isfinite(weights).all()) for weights in module.parameters()):
            raise TrainingFailure(
                f"The weights are no longer numbers after step {trainer.global_step}; lower the learning rate."
            )
        with replacing(target, durable=True) as temporary:
            trainer.save_checkpoint(temporary)
        self._written, self._written_step = time.monotonic(), trainer.global_step

    def _write(self, trainer: pl.Trainer, name: str) -> None:
        target = self._run.checkpoints_dir / name
        self._save(trainer, target)
        with replacing(self._run.checkpoints_dir / "last.ckpt") as temporary:
            temporary.unlink()
            try:
                os.link(target, temporary)
            except OSError:  # a file system without links
                shutil.copyfile(target, temporary)

    def _drop_oldest(self) -> None:
        numbered = [c for c in self._run.checkpoints() if c.epoch]  # the first, epoch 0, always stays
        for checkpoint in numbered[: -self._kept]:
            checkpoint.path.unlink(missing_ok=True)


class StopCallback(pl.Callback):
    """Ends training at the next step boundary, with a checkpoint, when the process is asked to stop."""

    def __init__(
        self,
        wish: Wish,
        ranks: Ranks,
        checkpoints: CheckpointCallback | None = None,  # where this process writes them
        collapse: CollapseWatch | None = None,
    ) -> None:
        self._wish = wish
        self._ranks = ranks
        self._checkpoints = checkpoints
        self._collapse = collapse  # given where a collapse shall end the run

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Take the signals over from Lightning, which would raise SystemExit in mid-hook."""
        self._wish.listen()

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, *_: Any) -> None:
        """A step is the smallest thing that can be resumed from."""
        if self._collapse and self._collapse.sentence:
            self._wish.state = self._wish.state or "stopped"
        self._wish.state = self._ranks.heed(self._wish.state)
        if self._wish.state and not trainer.should_stop:
            trainer.should_stop = True
            if not pl_module.at_epoch_end:
                self._write(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """At the end of an epoch, with its evaluation done and counted as complete."""
        if trainer.should_stop and pl_module.at_epoch_end:
            self._write(trainer)

    def _write(self, trainer: pl.Trainer) -> None:
        if self._checkpoints:
            self._checkpoints.write_last(trainer)
