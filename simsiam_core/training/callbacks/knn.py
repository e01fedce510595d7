"""kNN accuracy during training."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from contextlib import nullcontext
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from simsiam_core.jobs.stop_request import Interrupted, StopRequest
from simsiam_core.metrics import describe
from simsiam_core.metrics.val_knn_accuracy import KNN_ACCURACY
from simsiam_core.metrics.val_knn_bits import KNN_BITS
from simsiam_core.metrics.val_linear_accuracy import LINEAR_ACCURACY
from simsiam_core.runs import MetricsWriter
from simsiam_core.training.device import HALF, resolve_device
from simsiam_core.training.evaluation import Evaluation
from simsiam_core.training.module import SimSiamModule
from simsiam_core.training.probe import OnlineProbe
from simsiam_core.training.status import StatusWriter


def measured_steps(record: Iterable[Mapping[str, Any]]) -> set[int]:
    """Return the steps of a record whose kNN accuracy was measured."""
    return {line["step"] for line in record if KNN_ACCURACY in line}


class KnnCallback(pl.Callback):
    """Callback that measures kNN accuracy before training and every `knn_every` epochs, and logs it.

    A stop request ends a measurement, which may take minutes; it is made when the run is resumed. The other
    processes of a run do not see a request during a measurement, so with several processes it is completed.
    """

    def __init__(
        self,
        evaluation: Evaluation,
        writer: MetricsWriter | None = None,  # None if this process only helps to encode
        status: StatusWriter | None = None,
        measured: Collection[int] = (),  # steps whose accuracy is already recorded
        request: StopRequest | None = None,  # may end a measurement
        probe: OnlineProbe | None = None,  # whose accuracy is measured as well
    ) -> None:
        self._evaluation = evaluation
        self._measured = set(measured)
        self._interruptible = request.raising if request else nullcontext[None]
        self._writer = writer
        self._status = status
        self._probe = probe

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Measure the untrained network and the raw pixels: the baselines of training."""
        if trainer.global_step in self._measured or not pl_module.at_epoch_end:
            return
        if trainer.global_step == 0 or self._due(pl_module):  # due: the run ended before this measurement
            self._measure(trainer, pl_module)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Measure every `knn_every` epochs and at the end of training."""
        if pl_module.at_epoch_end and self._due(pl_module):  # not if stopped in the middle of an epoch
            self._measure(trainer, pl_module)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Measure if the run died in its last measurement: no step is left that would trigger one."""
        done = pl_module.epochs_done == pl_module.config.training.epochs
        if done and trainer.global_step not in self._measured:
            pl_module.to(trainer.strategy.root_device)  # the strategy has moved it away by now
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
            with self._interruptible():
                if trainer.global_step == 0 and self._writer:
                    extra = self._raw_pixels(module)
                accuracy = self._evaluation.knn_accuracy(
                    module.encoder(),
                    module.batches.images,
                    half,
                    lambda *test: extra.update(self._linear(*test)),
                )
        except Interrupted:
            print(f"{epoch}: kNN accuracy is not measured, since the run is asked to end", flush=True)
            return
        if accuracy is None or self._writer is None:
            return
        now = self._status.now() if self._status else time.time()
        line = {"step": trainer.global_step, "epoch": module.epochs_done, "time": now}
        bits = {KNN_BITS: 16} if half else {}
        self._writer.write([{**line, KNN_ACCURACY: accuracy, **bits, **extra}])
        note, metric = f" (in {str(half)[6:]})" if half else "", describe(KNN_ACCURACY)
        print(f"{epoch}: {metric.title} {metric.text(accuracy)}{note}", flush=True)

    def _linear(self, features: Tensor, labels: Tensor) -> dict[str, float]:
        if self._probe is None or not self._probe.trained:
            return {}
        return {LINEAR_ACCURACY: self._probe.accuracy(features, labels)}

    def _raw_pixels(self, module: SimSiamModule) -> dict[str, float]:
        baseline = self._evaluation.raw_pixels(module.device)
        note = f" ({baseline.note})" if baseline.note else ""
        print(f"kNN on raw pixels: {baseline.accuracy:.1%}{note}", flush=True)
        return baseline.metrics

    @staticmethod
    def _half(module: SimSiamModule) -> torch.dtype | None:
        """Return the dtype to encode in: on a GPU that of training, for speed; the features are still fp32."""
        if module.device.type != "cuda":
            return None
        return HALF.get(resolve_device(module.config.training)[1])
