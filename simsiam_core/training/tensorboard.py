"""Event files for TensorBoard, copied from the metrics as they grow. Needs the package tensorboard."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl

from simsiam_core.runs import MetricsReader, RunDirectory


class TensorBoardCallback(pl.Callback):
    """Writes `<run>/tensorboard/`: every metric under its name, by step, with its own time."""

    def __init__(self, run: RunDirectory) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._reader = MetricsReader(run.metrics_path)
        self._writer = SummaryWriter(run.path / "tensorboard")

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """What the last epoch has measured, its kNN accuracy included."""
        self._copy()

    def teardown(self, trainer: pl.Trainer, pl_module: Any, stage: str) -> None:
        """The rest."""
        self._copy()
        self._writer.close()

    def _copy(self) -> None:
        for line in self._reader.poll():
            for name, value in line.items():
                if name not in ("step", "epoch", "time"):
                    self._writer.add_scalar(name, value, line["step"], line["time"])
