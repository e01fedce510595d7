"""Training of the online linear probe."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch

from simsiam_core.config import Config
from simsiam_core.data import Dataset, ImageSet
from simsiam_core.training.evaluation import Evaluation
from simsiam_core.training.probe import OnlineProbe
from simsiam_core.training.ranks import Ranks


def probe_callback(
    config: Config, evaluation: Evaluation, dataset: Dataset, ranks: Ranks
) -> list[ProbeCallback]:
    """Return the callback where a probe is wanted and can be measured, or none."""
    wanted = config.knn.linear_probe and evaluation.possible
    return [ProbeCallback(dataset.train, ranks)] if wanted else []


class ProbeCallback(pl.Callback):
    """Callback that trains the probe on the features of every step, with the labels of its images.

    The first process trains it on the rows of all. It must come before the callback that writes checkpoints,
    which hold its state. `images` are the training images, with labels.
    """

    def __init__(self, images: ImageSet, ranks: Ranks) -> None:
        assert images.labels is not None
        self.probe = OnlineProbe(len(images.classes))
        self._labels = images.labels
        self._ranks = ranks

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, *_: Any) -> None:
        """Train on the features of this step."""
        features = outputs["outputs"].features
        rows = pl_module.batches.rows
        if self._labels.device != rows.device:
            self._labels = self._labels.to(rows.device)
        labels = self._labels[rows].to(features.device, non_blocking=True)
        features, labels = self._ranks.all_gather(features.float()), self._ranks.all_gather(labels)
        if self._ranks.first:
            with torch.autocast(features.device.type, enabled=False):
                self.probe.train_on(features, labels)

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the probe, for a checkpoint."""
        return self.probe.state()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the state of the probe from a checkpoint."""
        self.probe.load(state_dict)
