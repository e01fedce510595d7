"""Checks that twenty epochs learn: kNN accuracy exceeds that of raw pixels and of the untrained network."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from simsiam_core.bench.accept.rows import NO_TIME, Place, Row, at_least, skipped
from simsiam_core.bench.accept.training import small
from simsiam_core.bench.train_to_end import quiet
from simsiam_core.config import Config, ConfigError, merge, parse, preset
from simsiam_core.metrics.train_loss import TRAIN_LOSS
from simsiam_core.metrics.val_knn_accuracy import KNN_ACCURACY
from simsiam_core.metrics.val_knn_accuracy_raw_pixels import RAW_PIXELS_ACCURACY
from simsiam_core.training.worker import train

ARCHIVE = "cifar-10-python.tar.gz"
GAIN = 0.1  # in accuracy over raw pixels
EPOCHS = 20
LAST_SECONDS = 10.0  # for the kNN check and the checkpoint


def check(place: Place) -> Iterator[Row]:
    """Train 20 epochs of `paper-cifar10-200`, or `quick` on textures; on a CPU a few of a small network."""
    config = _config(place)
    run = place.store.create(config)
    clock = _Clock(place)
    with quiet():
        code = train(run, (clock,))
    lines = run.metrics()
    losses = [line[TRAIN_LOSS] for line in lines if TRAIN_LOSS in line]
    accuracies = [line[KNN_ACCURACY] for line in lines if KNN_ACCURACY in line]
    raw = next((line[RAW_PIXELS_ACCURACY] for line in lines if RAW_PIXELS_ACCURACY in line), 0)
    what = f"{config.data.source}, {config.training.epochs} epochs"
    if clock.over:
        yield from skipped([what], f"{NO_TIME} after {run.status().epoch} epochs")
        return
    yield Row(f"trained: {what}", code == 0, run.status().error or run.status().state, "finished")
    if not losses or not accuracies:
        return
    half = len(losses) // 2
    first, second = sum(losses[:half]) / max(1, half), sum(losses[half:]) / (len(losses) - half)
    yield Row("loss falls", second < first, f"{first:.3f} to {second:.3f}", "second half below the first")
    if not place.gpu:
        return
    pace = f"{run.status().working_seconds / config.training.epochs:.1f} s an epoch"
    note = f"raw pixels {raw:.1%}, untrained {accuracies[0]:.1%}, {pace}"
    yield at_least("kNN accuracy", accuracies[-1], max(raw + GAIN, accuracies[0]), note)


class _Clock(pl.Callback):
    """A callback that ends training when the part's time is up."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.over = False

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        if self._place.left < LAST_SECONDS:
            self.over = trainer.should_stop = True


def _config(place: Place) -> Config:
    if not place.gpu:
        return small(
            place, {"training": {"epochs": 6}, "optimiser": {"base_lr": 0.4}, "knn": {"knn_every": 6}}
        )
    values = merge(
        preset("paper-cifar10-200" if place.data else "quick").values,
        {"training": {**place.training(), "epochs": EPOCHS}, "optimiser": {"warmup_epochs": 1}},
        {"knn": {"knn_every": 5}, "data": _data(place.data)},
    )
    return parse(values)


def _data(folder: Path | None) -> dict[str, Any]:
    """Return the data settings: CIFAR-10 if its archive is given, else the folder of images or textures."""
    if folder is None:
        return {"source": "textures"}
    if not folder.is_dir():
        raise ConfigError.at(
            "data", f"{folder} is no folder; give one of images, or one that holds {ARCHIVE}."
        )
    if (folder / ARCHIVE).exists():
        downloads = Path(os.environ["SIMSIAM_CACHE"]) / "downloads"
        downloads.mkdir(parents=True, exist_ok=True)
        (downloads / ARCHIVE).symlink_to((folder / ARCHIVE).resolve())
        return {"source": "cifar10"}
    return {"source": "folder", "path": str(folder.resolve())}
