"""Metrics go by name from the step to the record, with one wait for the device a flush."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tiny import tiny

from simsiam_core.metrics import StepOutputs
from simsiam_core.metrics.representation_effective_rank import EFFECTIVE_RANK
from simsiam_core.metrics.representation_std import REPRESENTATION_STD
from simsiam_core.metrics.system_cpu import CPU_LOAD
from simsiam_core.metrics.system_memory import MEMORY
from simsiam_core.metrics.train_loss import TRAIN_LOSS
from simsiam_core.runs import MetricsWriter, RunDirectory, RunStore
from simsiam_core.training.callbacks import MetricsCallback
from simsiam_core.training.callbacks import metrics as metrics_module
from simsiam_core.training.failure import TrainingFailure
from simsiam_core.training.status import StatusWriter

FIRST, SECOND = "train/first_optional", "train/second_optional"


@pytest.fixture
def run(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> RunDirectory:
    monkeypatch.setattr(metrics_module, "FLUSH_SECONDS", 1e9)  # when it is asked for
    return store.create(tiny())


class Steps:
    """Hands steps to the callback as Lightning does."""

    def __init__(self, run: RunDirectory) -> None:
        self.callback = MetricsCallback(MetricsWriter(run.metrics_path), StatusWriter(run))
        self._trainer = SimpleNamespace(global_step=0)
        self._module = SimpleNamespace(
            epochs_done=0, total_steps=1000, config=tiny(), learning_rates=lambda: {"train/lr": 0.5}
        )

    def make(self, **metrics: float) -> None:
        self._trainer.global_step += 1
        tensors = {name.replace("__", "/"): torch.tensor(value) for name, value in metrics.items()}
        outputs = StepOutputs(loss=torch.tensor(0.0), z=torch.eye(4))
        step: dict[str, Any] = {"loss": outputs.loss, "metrics": tensors, "outputs": outputs}
        self.callback.on_train_batch_start(self._trainer, self._module, None, 0)
        self.callback.on_train_batch_end(self._trainer, self._module, step, None, 0)

    def flush(self) -> None:
        self.callback.flush(self._trainer, self._module)

    def end(self) -> None:
        self.callback.on_train_end(self._trainer, self._module)


def test_of_two_optional_metrics_one_may_be_absent(run: RunDirectory) -> None:
    """Kind: the second was written under the name of the first."""
    steps = Steps(run)
    steps.make(train__loss=-0.5, representation__std=0.9, train__second_optional=0.25)
    steps.make(train__loss=-0.6, representation__std=0.8)
    steps.make(
        train__loss=-0.7, representation__std=0.7, train__second_optional=0.5, train__first_optional=0.1
    )
    steps.flush()
    found = [
        {
            name: value
            for name, value in line.items()
            if name in (TRAIN_LOSS, REPRESENTATION_STD, FIRST, SECOND)
        }
        for line in run.metrics()
    ]
    expected = [
        {TRAIN_LOSS: -0.5, REPRESENTATION_STD: 0.9, SECOND: 0.25},
        {TRAIN_LOSS: -0.6, REPRESENTATION_STD: 0.8},
        {TRAIN_LOSS: -0.7, REPRESENTATION_STD: 0.7, SECOND: 0.5, FIRST: 0.1},
    ]
    assert found == [{name: pytest.approx(value) for name, value in line.items()} for line in expected]


def test_a_flush_reads_the_device_once(run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    steps, read = Steps(run), []
    tolist = torch.Tensor.tolist
    monkeypatch.setattr(torch.Tensor, "tolist", lambda self: (read.append(len(self)), tolist(self))[1])
    for _ in range(5):
        steps.make(train__loss=-0.5, representation__std=0.9)
    assert read == []
    steps.flush()
    assert read == [10]


def test_what_was_measured_before_a_loss_that_is_no_number_is_written(run: RunDirectory) -> None:
    steps = Steps(run)
    steps.make(train__first_optional=0.1, train__loss=-0.5)
    steps.make(train__first_optional=0.2, train__loss=float("nan"))
    with pytest.raises(TrainingFailure, match="The loss became nan at step 2"):
        steps.flush()
    assert [(line["step"], line[FIRST]) for line in run.metrics()] == [(1, pytest.approx(0.1))]


def steps_of(run: RunDirectory, name: str) -> list[int]:
    return [line["step"] for line in run.metrics() if name in line]


@pytest.mark.parametrize("length", [5, 410, 1000])
def test_a_curve_has_a_point_at_its_cadence_and_one_at_the_end(run: RunDirectory, length: int) -> None:
    """The effective rank of a run ended where it was last due, and of a stopped one far before its end."""
    steps = Steps(run)
    for step in range(1, length + 1):
        steps.make(train__loss=-0.5)
        if step % 25 == 0:
            steps.flush()
    steps.end()
    ranks = steps_of(run, EFFECTIVE_RANK)
    assert ranks == sorted({*range(200, length + 1, 200), length})
    assert steps_of(run, CPU_LOAD)[-1] == steps_of(run, MEMORY)[-1] == length
