from __future__ import annotations

import pytest
from tiny import tiny

from simsiam_core.runs import RunStore
from simsiam_core.training.worker import train


def test_event_files_hold_what_the_metrics_hold(store: RunStore) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from simsiam_core.training.tensorboard import TensorBoardCallback

    run = store.create(tiny(training={"epochs": 2}))
    assert train(run, (TensorBoardCallback(run),)) == 0
    events = EventAccumulator(str(run.path / "tensorboard"))
    events.Reload()
    layout = events.Tensors("custom_scalars__config__")[0].tensor_proto.string_val[0]
    assert b"Learning rate" in layout and b"train/lr_predictor" in layout
    for name in ("train/loss", "val/knn_accuracy"):
        expected = [(m["step"], m[name]) for m in run.metrics() if name in m]
        assert [(e.step, pytest.approx(e.value)) for e in events.Scalars(name)] == expected
