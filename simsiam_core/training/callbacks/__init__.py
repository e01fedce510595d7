"""Callbacks of a training run: metrics, kNN accuracy, checkpoints and stop requests. One module per callback."""

from simsiam_core.training.callbacks.checkpoints import CheckpointCallback
from simsiam_core.training.callbacks.knn import KnnCallback, measured_steps
from simsiam_core.training.callbacks.metrics import MetricsCallback
from simsiam_core.training.callbacks.probe import ProbeCallback
from simsiam_core.training.callbacks.stop import StopCallback

__all__ = [
    "CheckpointCallback",
    "KnnCallback",
    "MetricsCallback",
    "ProbeCallback",
    "StopCallback",
    "measured_steps",
]
