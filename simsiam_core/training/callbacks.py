"""What watches a training run: metrics, status, kNN accuracy, checkpoints, and requests to stop."""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Collection
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from simsiam_core.config import CheckpointConfig
from simsiam_core.features.diagnostics import effective_rank
from simsiam_core.jobs.stop_request import Interrupted, StopRequest
from simsiam_core.runs import MetricsWriter, RunDirectory
from simsiam_core.runs.files import replacing
from simsiam_core.training.collapse import CollapseWatch
from simsiam_core.training.device import HALF, resolve_device
from simsiam_core.training.evaluation import Evaluation
from simsiam_core.training.module import SimSiamModule
from simsiam_core.training.ranks import Ranks
from simsiam_core.training.status import StatusWriter

FLUSH_SECONDS = 0.5  # how long a metric may wait on the device before it is written
RANK_EVERY_STEPS = 200  # it takes the time of several steps
RANK_ROWS = 512  # and grows with the square of these; none of the presets has more
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
        self,
        writer: MetricsWriter,
        status: StatusWriter,
        collapse: CollapseWatch | None = None,
        request: StopRequest | None = None,
    ) -> None:
        self._writer = writer
        self._status = status
        self._collapse = collapse or CollapseWatch()
        self._request = request or StopRequest()
        self._warned = False
        self._pending: list[tuple[dict[str, Any], Tensor]] = []
        self._rates: dict[str, float] = {}
        self._last_flush = time.monotonic()
        self._last_z: Tensor | None = None
        self._last_half_features: Tensor | None = None

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Throughput counts training alone: evaluation between epochs is left out."""
        self._last_flush = time.monotonic()

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """The learning rates that this very step uses; after it the schedule has moved on."""
        self._rates = pl_module.learning_rates()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Keep this step's numbers; flush when the oldest has waited long enough."""
        line = {
            "step": trainer.global_step,
            "epoch": pl_module.epochs_done,
            "time": self._status.now(),
            **self._rates,
        }
        watched = [outputs[key].detach().float() for key in WATCHED if key in outputs]
        self._pending.append((line, torch.stack(watched)))
        half = outputs.get("half_features")
        self._last_z = outputs["z"][:RANK_ROWS]
        self._last_half_features = None if half is None else half[:RANK_ROWS]
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
            lines[-1]["representation/effective_rank"] = round(float(effective_rank(self._fp32_z(module))), 2)
        self._writer.write(lines)
        self._collapse.observe(lines)
        if self._collapse.sentence and not self._warned:
            print(self._collapse.sentence, flush=True)
        self._warned = self._collapse.sentence is not None
        activity = "Training, its terminal is closed" if self._request.hung_up else "Training"
        self._status.beat(step=lines[-1]["step"], epoch=lines[-1]["epoch"], activity=activity)
        self._pending.clear()
        self._last_flush = now

    def _fp32_z(self, module: SimSiamModule) -> Tensor:
        """The last step's projections; those of half precision made anew, of this process's share, in fp32."""
        if self._last_half_features is not None:
            return module.network.fp32_projections(self._last_half_features)
        assert self._last_z is not None
        return self._last_z


def measured_steps(run: RunDirectory) -> set[int]:
    """Steps whose kNN accuracy is in the record."""
    return {line["step"] for line in run.metrics() if "val/knn_accuracy" in line}


class KnnCallback(pl.Callback):
    """Measures kNN accuracy before training and every `knn_every` epochs, and says so in the log.

    A request to stop ends a measurement, which may take minutes: it is made when the run is resumed. The other
    processes of a run know of no request in the middle of one, so that there it is waited for.
    """

    def __init__(
        self,
        evaluation: Evaluation,
        writer: MetricsWriter | None = None,  # None where this process only helps to encode
        status: StatusWriter | None = None,
        measured: Collection[int] = (),  # steps whose accuracy is in the record already
        request: StopRequest | None = None,  # that may end a measurement
    ) -> None:
        self._evaluation = evaluation
        self._measured = set(measured)
        self._until_asked = request.raising if request else nullcontext[None]
        self._writer = writer
        self._status = status

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """The untrained network and the raw pixels are what training has to beat."""
        if trainer.global_step in self._measured or not pl_module.at_epoch_end:
            return
        if trainer.global_step == 0 or self._due(pl_module):  # due: ended before it was measured
            self._measure(trainer, pl_module)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """At the cadence, and at the end of training."""
        if pl_module.at_epoch_end and self._due(pl_module):  # not where it is stopped in mid-epoch
            self._measure(trainer, pl_module)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """A run that died in its last measurement has no step left that would come before one."""
        done = pl_module.epochs_done == pl_module.config.training.epochs
        if done and trainer.global_step not in self._measured:
            pl_module.to(trainer.strategy.root_device)  # which the strategy has given back by now
            self._measure(trainer, pl_module)

    def _due(self, module: SimSiamModule) -> bool:
        done, config = module.epochs_done, module.config
        return done % config.knn.knn_every == 0 or done == config.training.epochs

    def _measure(self, trainer: pl.Trainer, module: SimSiamModule) -> None:
        self._measured.add(trainer.global_step)
        if self._status:
            self._status.beat(force=True, activity="Measuring kNN accuracy")
        extra: dict[str, float] = {}
        half = self._half(module)
        epoch = f"epoch {module.epochs_done} of {module.config.training.epochs}"
        try:
            with self._until_asked():
                if trainer.global_step == 0 and self._writer:
                    extra = self._raw_pixels(module)
                accuracy = self._evaluation.knn_accuracy(module.encoder(), module.batches.images, half)
        except Interrupted:
            print(f"{epoch}: kNN accuracy is not measured, since the run is asked to end", flush=True)
            return
        if accuracy is None or self._writer is None:
            return
        now = self._status.now() if self._status else time.time()
        line = {"step": trainer.global_step, "epoch": module.epochs_done, "time": now}
        bits = {"val/knn_bits": 16} if half else {}
        self._writer.write([{**line, "val/knn_accuracy": accuracy, **bits, **extra}])
        note = f" (in {str(half)[6:]})" if half else ""
        print(f"{epoch}: kNN accuracy {accuracy:.1%}{note}", flush=True)

    def _raw_pixels(self, module: SimSiamModule) -> dict[str, float]:
        baseline = self._evaluation.raw_pixels(module.device)
        note = f" ({baseline.note})" if baseline.note else ""
        print(f"kNN on raw pixels: {baseline.accuracy:.1%}{note}", flush=True)
        return baseline.metrics

    @staticmethod
    def _half(module: SimSiamModule) -> torch.dtype | None:
        """On a GPU the network encodes in the precision that it trains in, for speed; what is kept is fp32."""
        if module.device.type != "cuda":
            return None
        return HALF.get(resolve_device(module.config.training)[1])


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
        if trainer.global_step:
            self.write_last(trainer)

    def write_last(self, trainer: pl.Trainer) -> None:
        """A checkpoint of this very step under the name `last` alone, unless that is one already."""
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
        self._last_step = trainer.global_step

    def _drop_oldest(self) -> None:
        numbered = [c for c in self._run.checkpoints() if c.epoch]  # the first, epoch 0, always stays
        for checkpoint in numbered[: -self._kept]:
            checkpoint.path.unlink(missing_ok=True)


class StopCallback(pl.Callback):
    """Ends training at the next step boundary, with a checkpoint, when the process is asked to.

    Comes last of the callbacks: what they have to write of a step is written then.
    """

    def __init__(
        self,
        request: StopRequest,
        ranks: Ranks,
        checkpoints: CheckpointCallback | None = None,  # where this process writes them
        collapse: CollapseWatch | None = None,
    ) -> None:
        self._request = request
        self._ranks = ranks
        self._checkpoints = checkpoints
        self._collapse = collapse  # given where a collapse shall end the run
        self._told = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Asked before the first step: there is nothing to add to the checkpoint that it would have started from."""
        self._look(trainer)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, *_: Any) -> None:
        """A step is the smallest thing that can be resumed from."""
        if self._collapse and self._collapse.sentence:
            self._request.state = self._request.state or "stopped"
        self._look(trainer)
        if not pl_module.at_epoch_end:
            self._write_what_is_asked_for(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """At the end of an epoch, with its evaluation done and counted as complete."""
        if pl_module.at_epoch_end:
            self._look(trainer)  # asked during the evaluation, or while a checkpoint was written
            self._write_what_is_asked_for(trainer)

    def _look(self, trainer: pl.Trainer) -> None:
        self._request.state = self._ranks.agree(self._request.state)
        trainer.should_stop = trainer.should_stop or self._request.state is not None

    def _write_what_is_asked_for(self, trainer: pl.Trainer) -> None:
        if self._checkpoints is None:
            return
        hung_up = self._request.hung_up and not self._told
        if trainer.should_stop or hung_up:
            self._checkpoints.write_last(trainer)
        if hung_up:
            self._told = True
            print(
                f"The terminal was closed (SIGHUP). The run goes on, with a checkpoint of step "
                f"{trainer.global_step}; 'runs stop' ends it.",
                flush=True,
            )
