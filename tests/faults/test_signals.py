"""Every signal at every phase ends in the right state, with the right checkpoint, and what is resumed is the same run.

By default each phase and each signal once; all pairs with SIMSIAM_ALL_SIGNALS=1.
"""

from __future__ import annotations

import os
from itertools import cycle, product
from pathlib import Path

import pytest
from tiny import tiny

from simsiam_core.jobs import resume
from simsiam_core.runs import RunDirectory, RunStore
from simsiam_core.runs.evaluations import EvaluationDirectory, create_evaluation
from simsiam_core.training.resume import newest

from .conftest import Trainers
from .phases import EVALUATING, SIGNALS, STEPS, TRAINING

CONFIG = tiny(checkpoints={"checkpoint_every": 1})
ALL = bool(os.environ.get("SIMSIAM_ALL_SIGNALS"))
AFTER_THE_LAST_STEP = {"last step", "last checkpoint", "last kNN", "last word"}
RESUMED = {"first kNN", "kNN between epochs", "checkpoint"}  # of those that are walked by default
BEFORE_A_CHECKPOINT = {"start", "decoding", "setting up", "first checkpoint"}


def pairs(phases: dict) -> list[tuple[str, str]]:
    """Phases and signals: all, or so many that each occurs."""
    return list(product(phases, SIGNALS)) if ALL else list(zip(phases, cycle(SIGNALS), strict=False))


def losses(run: RunDirectory) -> list[tuple[int, float]]:
    return [(line["step"], line["train/loss"]) for line in run.metrics() if "train/loss" in line]


def accuracies(run: RunDirectory) -> list[tuple[int, float]]:
    return [(line["step"], line["val/knn_accuracy"]) for line in run.metrics() if "val/knn_accuracy" in line]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, trainers: Trainers) -> RunDirectory:
    """The run that no signal came to."""
    run = RunStore(tmp_path_factory.mktemp("whole")).create(CONFIG)
    trainers.train(run)
    assert run.status().state == "finished"
    return run


@pytest.mark.parametrize(("phase", "sent"), pairs(TRAINING))
def test_training(store: RunStore, trainers: Trainers, whole: RunDirectory, phase: str, sent: str) -> None:
    run = store.create(CONFIG)
    trainers.train(run, prepare=["faults.phases:install", "training", phase, sent])
    status, log = run.status(), run.log_path.read_text()
    if sent == "kill":
        assert (status.state, status.exit_code) == ("crashed", None), log
    elif sent == "closed terminal" or phase in AFTER_THE_LAST_STEP:
        assert (status.state, status.error) == ("finished", None), log
    else:
        assert (status.state, status.error) == ("paused" if sent == "pause" else "stopped", None), log
    assert "Traceback" not in log
    told = sent == "closed terminal" and phase != "last word"
    assert told == ("The terminal was closed (SIGHUP). The run goes on" in log), log
    found = newest(run)
    if found is None:
        assert phase in BEFORE_A_CHECKPOINT
    elif sent != "kill":
        assert found.step == status.step == len(losses(run)), log
    if status.state != "finished" and not (ALL or phase in RESUMED):
        return
    if status.state != "finished":
        resume(run)
        trainers.train(run)
    assert (run.status().state, run.status().step) == ("finished", STEPS), run.log_path.read_text()
    assert losses(run) == losses(whole)
    expected = accuracies(whole)
    if phase in AFTER_THE_LAST_STEP - {"last word"} and sent not in ("kill", "closed terminal"):
        del expected[-1:]  # asked to end when all steps were made: the measurement is not waited for
        assert "kNN accuracy is not measured" in log
    assert accuracies(run) == expected
    last = newest(run)
    assert last is not None
    assert last.step == STEPS


@pytest.mark.parametrize(("phase", "sent"), pairs(EVALUATING))
def test_evaluation(trainers: Trainers, whole: RunDirectory, phase: str, sent: str) -> None:
    job = create_evaluation(whole, {"kind": "knn"})
    evaluate(trainers, job, ["faults.phases:install", "evaluating", phase, sent])
    status, log = job.status(), job.log_path.read_text()
    done = phase in ("writing", "last word")
    if sent == "kill":
        assert status.state == "crashed", log
    elif sent == "closed terminal" or done:
        assert (status.state, status.error) == ("finished", None), log
    else:
        assert (status.state, status.error) == ("stopped", None), log  # one cannot be paused
    assert "Traceback" not in log
    assert (job.result() is not None) == (
        status.state == "finished" or (sent, phase) == ("kill", "last word")
    )


def evaluate(trainers: Trainers, job: EvaluationDirectory, prepare: list[str]) -> None:
    argv = ["evaluate", job.kind, str(job.run.path), "--job", job.id]
    trainers.wait(trainers.command(argv, log=str(Path(job.log_path)), prepare=prepare))
