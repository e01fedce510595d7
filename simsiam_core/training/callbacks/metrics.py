"""Metrics and status during training."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch
from torch import Tensor

from simsiam_core.jobs.stop_request import StopRequest
from simsiam_core.metrics import Metric, StepOutputs, describe, in_order
from simsiam_core.metrics.system_cpu import CPU_LOAD
from simsiam_core.metrics.train_images_per_second import IMAGES_PER_SECOND
from simsiam_core.metrics.train_loss import TRAIN_LOSS
from simsiam_core.runs import MetricsWriter
from simsiam_core.runs.metrics import COORDINATES
from simsiam_core.training.collapse import CollapseWatch
from simsiam_core.training.failure import TrainingFailure
from simsiam_core.training.module import SimSiamModule
from simsiam_core.training.status import StatusWriter
from simsiam_core.training.system import SystemWatch

FLUSH_SECONDS = 0.5  # how long a metric may stay on the device before it is written


class _Pending(NamedTuple):
    """Step whose values are still on the device."""

    line: dict[str, Any]
    names: tuple[str, ...]
    values: Tensor  # float32 [len(names)]


class MetricsCallback(pl.Callback):
    """Callback that gathers metrics on the device and writes them in batches.

    There is one synchronisation per flush, none per step. Registry metrics that are measured every N steps
    are measured during a flush, from its last step.
    """

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
        self._system = SystemWatch()
        self._occasional = [m for m in in_order() if m.measure is not None and m.every_steps > 1]
        self._pending: list[_Pending] = []
        self._rates: dict[str, float] = {}
        self._last_flush = time.monotonic()
        self._last_outputs: StepOutputs | None = None
        self._last_line: dict[str, Any] | None = None

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Restart the clock of throughput, which excludes evaluation between epochs."""
        self._last_flush = time.monotonic()

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """Record the learning rates of this step, before the scheduler advances."""
        self._rates = pl_module.learning_rates()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Store this step's values; flush every FLUSH_SECONDS."""
        line = {
            "step": trainer.global_step,
            "epoch": pl_module.epochs_done,
            "time": self._status.now(),
            **self._rates,
        }
        metrics: dict[str, Tensor] = outputs["metrics"]
        values = torch.stack([value.detach().float() for value in metrics.values()])
        self._pending.append(_Pending(line, tuple(metrics), values))
        self._last_outputs = outputs["outputs"]
        if time.monotonic() - self._last_flush >= FLUSH_SECONDS:
            self.flush(trainer, pl_module)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Flush before evaluation and checkpoint."""
        self.flush(trainer, pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Give every curve its last point, also where training is paused or stopped between two flushes."""
        self.flush(trainer, pl_module)
        if self._last_line is not None and (found := self._measured_at_the_end(self._last_line)):
            self._writer.write([{name: self._last_line[name] for name in COORDINATES} | found])

    def flush(self, trainer: pl.Trainer, module: SimSiamModule) -> None:
        """Write pending metrics. Raises TrainingFailure at a non-finite loss, after writing all before it."""
        if not self._pending:
            return
        lines = self._lines_on_host()
        now, last = time.monotonic(), lines[-1]
        images = len(lines) * module.config.training.batch_size
        throughput = images / max(now - self._last_flush, 1e-9)
        last[IMAGES_PER_SECOND] = describe(IMAGES_PER_SECOND).recorded(throughput)
        last.update(self._measured_occasionally(lines[0]["step"], last["step"]))
        last.update(self._system.measure())
        if last["step"] == module.total_steps:
            last.update(self._measured_at_the_end(last))
        self._writer.write(lines)
        self._last_line = last
        changed = self._collapse.observe(lines)
        if changed and self._collapse.sentence:
            print(self._collapse.sentence, flush=True)
        self._status.beat(
            force=changed,
            step=last["step"],
            epoch=last["epoch"],
            activity="Training, its terminal is closed" if self._request.hung_up else "Training",
            collapse=self._collapse.judgement,
        )
        self._pending.clear()
        self._last_flush = now

    def _lines_on_host(self) -> list[dict[str, Any]]:
        """Return the pending lines with their values by name, with one synchronisation with the device."""
        numbers = iter(torch.cat([pending.values for pending in self._pending]).tolist())
        lines: list[dict[str, Any]] = []
        for line, names, _ in self._pending:
            measured = {name: next(numbers) for name in names}
            if not math.isfinite(loss := measured[TRAIN_LOSS]):
                self._pending.clear()
                self._writer.write(lines)
                raise TrainingFailure(
                    f"The loss became {loss} at step {line['step']}; lower the learning rate or use precision 32-true."
                )
            lines.append(line | measured)
        return lines

    def _measured_occasionally(self, first: int, last: int) -> dict[str, float]:
        """Measure, at the last step, the expensive metrics that are due since step `first`."""
        due = [m for m in self._occasional if first // m.every_steps != (last + 1) // m.every_steps]
        return self._measured(due)

    def _measured_at_the_end(self, line: Mapping[str, Any]) -> dict[str, float]:
        """Measure all that the line of the last step does not have yet."""
        found = self._measured([m for m in self._occasional if m.name not in line])
        return found if CPU_LOAD in line else found | self._system.measure(last=True)

    def _measured(self, metrics: Iterable[Metric]) -> dict[str, float]:
        """Measure metrics from the outputs of the last step."""
        found = dict[str, float]()
        if self._last_outputs is None:
            return found
        for metric in metrics:
            if metric.measure and (value := metric.measure(self._last_outputs)) is not None:
                found[metric.name] = metric.recorded(float(value))
        return found
