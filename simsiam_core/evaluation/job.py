"""What all evaluations share: their run's checkpoint and images, progress reports, and stamped results."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import torch

from simsiam_core.config import ConfigError
from simsiam_core.data import Dataset, load
from simsiam_core.evaluation.splits import labelled
from simsiam_core.features.bank import FeatureBank, load_bank
from simsiam_core.features.encode import best_device
from simsiam_core.jobs.stop_request import StopRequest
from simsiam_core.model import Encoder, fingerprint, load_encoder
from simsiam_core.model.dimensions import network_name
from simsiam_core.runs import Checkpoint, MetricsWriter, RunDirectory
from simsiam_core.runs.clock import SteadyClock
from simsiam_core.runs.evaluations import EvaluationDirectory

if TYPE_CHECKING:
    from simsiam_core.evaluation.classifier import Classifier

BEAT_SECONDS = 0.5


class Reporter:
    """Writer of one evaluation's status, progress and curves to disk, for the page and the terminal."""

    def __init__(self, job: EvaluationDirectory) -> None:
        self._job = job
        self._status = job.status()
        self._clock = SteadyClock(self._status.started)
        self._written = 0.0
        self._writer = MetricsWriter(job.metrics_path)

    def set(self, *, force: bool = False, **changes: Any) -> None:
        """Change fields of the status; write it twice a second, or at once with `force`."""
        beat = {"heartbeat": time.time(), "elapsed": round(self._clock.elapsed, 3)}
        self._status = self._status.model_copy(update={**beat, **changes})
        if force or time.monotonic() - self._written >= BEAT_SECONDS:
            self._job.write_status(self._status)
            self._written = time.monotonic()

    def progress(self, fraction: float, text: str) -> None:
        """Show progress before the first epoch: a `Progress` callback."""
        self.set(activity=f"{text}, {fraction:.0%}")

    def epoch(self, done: int, total: int, text: str, metrics: Mapping[str, float]) -> None:
        """Add a point to the curves of an evaluation that runs through its epochs once."""
        self.curve(done, total, done, text, metrics)

    def curve(self, done: int, total: int, epoch: int, text: str, metrics: Mapping[str, float]) -> None:
        """Add a point at `epoch`; `done` of `total` is the progress of the whole job."""
        self._writer.write([{"step": epoch, "epoch": epoch, "time": self._clock.now(), **metrics}])
        self.set(activity=text, step=done, total_steps=total, epoch=epoch)

    def interrupt(self, request: StopRequest) -> None:
        """Write that the job is to be started again, from the beginning."""
        self._writer.close()
        self.set(force=True, **request.ending(self._status))

    def close(self, **changes: Any) -> None:
        """Write the final status and close the curves."""
        self._writer.close()
        self.set(force=True, activity="", ended=time.time(), **changes)


@dataclass(frozen=True)
class Measurement:
    """Result of an evaluation: figures from 0 to 1, their settings, and further details for the page."""

    figures: Mapping[str, float]
    stamp: Mapping[str, Any]
    details: Mapping[str, Any] = field(default_factory=dict)
    classifier: Classifier | None = None  # what it trained, to classify other images with


@dataclass
class Subject:
    """Subject of an evaluation: the checkpoint, its encoder, and the images of its run with their labels."""

    run: RunDirectory
    checkpoint: Checkpoint
    encoder: Encoder
    dataset: Dataset
    train_labels: torch.Tensor
    test_labels: torch.Tensor
    classes: tuple[str, ...]
    device: str = field(default_factory=best_device)

    @classmethod
    def load(cls, run: RunDirectory, checkpoint: str, report: Reporter) -> Subject:
        """Load all that an evaluation needs. Raises RunError, CheckpointError or ConfigError."""
        found = run.checkpoint(checkpoint)
        encoder = load_encoder(found.path)
        if encoder.config.model != run.config().model:
            theirs, ours = network_name(encoder.config.model), network_name(run.config().model)
            raise ConfigError.at(
                "checkpoint",
                f"Checkpoint {found.name} holds another network ({theirs}) than its run's config ({ours}).",
            )
        dataset = load(run.config().data, report.progress)
        train, test, classes = labelled(dataset)
        return cls(run, found, encoder, dataset, train, test, classes)

    def bank(self, split: str, report: Reporter) -> FeatureBank:
        """Return the features of a split, from the run's cache or encoded now."""
        return load_bank(
            self.run,
            self.checkpoint,
            split,
            report.progress,
            dataset=self.dataset,
            encoder=self.encoder,
            device=self.device,
        )

    def stamp(self) -> dict[str, Any]:
        """Return the origin of a figure: everything that must be equal for two figures to be comparable."""
        test = self.dataset.test
        return {
            "layer": "backbone",
            "dim": self.encoder.dim,
            "train_images": len(self.dataset.train),
            "test_images": len(test) if test else 0,
            "reported_on": "test",
            "data": self.run.config().data.source,
            "data_fingerprint": self.dataset.fingerprint,
            "checkpoint_epoch": self.encoder.epoch,
            "checkpoint_step": self.encoder.step,
            "checkpoint_fingerprint": fingerprint(self.checkpoint.path),
            "pretraining_seed": self.run.config().training.seed,
        }


def versions() -> dict[str, str]:
    """Return the versions of the packages that affect a figure."""
    return {name: version(name) for name in ("torch", "torchvision", "numpy")}
