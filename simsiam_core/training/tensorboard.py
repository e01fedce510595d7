"""TensorBoard event files, copied from the metrics record as it grows. Needs the package tensorboard."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl

from simsiam_core.metrics import charts
from simsiam_core.runs import MetricsReader, RunDirectory
from simsiam_core.runs.metrics import COORDINATES


class TensorBoardCallback(pl.Callback):
    """Callback that writes every metric to `<run>/tensorboard/` under its name, by step, with its own time."""

    def __init__(self, run: RunDirectory) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._reader = MetricsReader(run.metrics_path)
        layout = {
            first.title: ["Multiline", [m.name for m in (first, *others)]]
            for first, *others in charts().values()
        }
        self._writer = SummaryWriter(run.path / "tensorboard")
        self._writer.add_custom_scalars({"Monitor": layout})

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Copy the metrics of the last epoch, its kNN accuracy included."""
        self._copy()

    def teardown(self, trainer: pl.Trainer, pl_module: Any, stage: str) -> None:
        """Copy the remaining metrics and close the writer."""
        self._copy()
        self._writer.close()

    def _copy(self) -> None:
        for line in self._reader.poll():
            for name, value in line.items():
                if name not in COORDINATES:
                    self._writer.add_scalar(name, value, line["step"], line["time"])
