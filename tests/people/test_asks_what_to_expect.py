"""The Train tab's estimate with GPUs: never beside a job, no memory kept, and a batch that does not fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psutil
import pytest
import torch
from tiny import TINY, tiny

from simsiam_core.config import merge
from simsiam_core.features.worker import WorkError
from simsiam_core.jobs import gpus
from simsiam_core.jobs.gpus import Gpu
from simsiam_core.training import calibration, estimate, pace, trial
from simsiam_core.training.estimate import predict
from simsiam_core.training.pace import DoesNotFitError, Pace
from simsiam_core.ui.train.estimate import expectation

CONFIG = merge(TINY, {"training": {"device": "auto", "batch_size": 40}})


class Here:
    """A worker that does what it is asked at once."""

    def submit(self, function: Callable[..., Any], *args: Any) -> Any:
        answer = function(*args)

        class Task:
            done = True

            def result(self) -> Any:
                return answer

        return Task()


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """On a machine with one GPU, the ids of GPUs on which steps were timed."""
    made: list[str] = []

    def measure(_config: object, images: int, _precision: str, gpu: str) -> Pace:
        made.append(gpu)
        return Pace(0.001, 2e9)

    monkeypatch.setattr(estimate, "resolve_device", lambda _: ("gpu", "bf16-mixed"))
    monkeypatch.setattr(gpus, "visible_gpus", lambda: (Gpu("GPU 0", "GPU-a"),))
    monkeypatch.setattr(gpus, "is_occupied", lambda gpu: False)
    monkeypatch.setattr(trial, "measure", measure)
    monkeypatch.setattr(calibration, "_paces", {})
    return made


def said(taken: tuple[str, ...] = (), **training: Any) -> str:
    from simsiam_core.config import parse

    *_, last = expectation(Here(), parse(merge(CONFIG, {"training": training})), taken)  # type: ignore[arg-type]
    return last.row


def test_no_step_is_made_where_a_job_runs(trials: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Kind: the estimate trained at full batch on GPU 0 beside a running job."""
    assert "measured when the GPU is free" in said(taken=("GPU-a",))
    monkeypatch.setattr(gpus, "is_occupied", lambda gpu: True)
    assert "measured when the GPU is free" in said()
    assert trials == []
    monkeypatch.setattr(gpus, "is_occupied", lambda gpu: False)
    assert "1,000 images/s" in said()
    assert trials == ["GPU-a"]
    assert "1,000 images/s" in said(taken=("GPU-a",)), "the last measured pace"
    assert "1,000 images/s" in said(taken=("GPU-a",), batch_size=20), "of another batch, near enough"
    assert trials == ["GPU-a"]


def test_a_batch_that_does_not_fit_is_an_answer(trials: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Kind: it was told as a fault."""

    def full(*_: object) -> Pace:
        raise DoesNotFitError(24)

    monkeypatch.setattr(trial, "measure", full)
    assert "Batch size 40 does not fit into the memory of this GPU; about 24 would." in said()
    assert predict(CONFIG).fits == 24


def test_a_trial_ends_with_all_that_it_took() -> None:
    """Kind: the server's worker kept the GPU's memory. The steps are made by a process that is gone afterwards."""
    before = {child.pid for child in psutil.Process().children()}
    found = trial.measure(tiny(), 4, "32-true", "", device="cpu")
    assert found is not None
    assert found.seconds_per_image > 0
    assert {child.pid for child in psutil.Process().children()} <= before
    assert not torch.cuda.is_initialized()


def test_a_trial_for_which_memory_is_short_says_what_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kind: out of memory in a trial, in whatever words, is an answer."""

    def full(*_: object) -> Pace:
        raise torch.AcceleratorError("CUDA error: out of memory", 2)

    monkeypatch.setattr(pace, "_pace", full)
    monkeypatch.setattr(pace, "_fitting_batch", lambda *_: 12)
    with pytest.raises(DoesNotFitError) as told:
        pace.fitting_pace(tiny(), 512, torch.device("cuda"), "bf16-mixed")
    assert told.value.fits == 12


def test_an_estimate_that_fails_is_still_a_row() -> None:
    """Kind: no fault here may stand in the way of Start."""

    class Broken:
        def submit(self, *_: object) -> Any:
            class Task:
                done = True

                def result(self) -> Any:
                    raise WorkError("no")

            return Task()

    *_, last = expectation(Broken(), tiny())  # type: ignore[arg-type]
    assert "Cannot be told" in last.row
