"""The phases of a process that trains or evaluates, and a signal that comes in the very middle of each.

`install` is called in the process itself: it puts a hook where a phase is, which sends the process the signal there.
"""

from __future__ import annotations

import functools
import importlib
import os
import signal
from collections.abc import Callable
from typing import Any

Where = tuple[str, str, Callable[..., bool]]  # module, what is called there, and of which call


def _always(*_: Any, **__: Any) -> bool:
    return True


def _step(number: int) -> Callable[..., bool]:
    return lambda module, *_: module.global_step == number - 1


def _saves(step: int) -> Callable[..., bool]:
    return lambda _, content, *__, **___: content["global_step"] == step


def _epochs_done(number: int) -> Callable[..., bool]:
    return lambda _, encoder, *__: encoder.epoch == number


WORKER, CALLBACKS = "simsiam_core.training.worker", "simsiam_core.training.callbacks"
EVALUATION, MODULE = "simsiam_core.training.evaluation", "simsiam_core.training.module"
STEPS, EPOCHS = 12, 3  # of `tiny`
TRAINING: dict[str, Where] = {
    "start": ("simsiam_core.cli.train", "_work", _always),
    "decoding": (WORKER, "load", _always),
    "setting up": (WORKER, "build_trainer", _always),
    "first checkpoint": (CALLBACKS, "CheckpointCallback._save", _always),
    "raw pixels": (EVALUATION, "Evaluation.raw_pixels", _always),
    "first kNN": (EVALUATION, "Evaluation._accuracy", _always),
    "first step": (MODULE, "SimSiamModule.training_step", _step(1)),
    "step": (MODULE, "SimSiamModule.training_step", _step(6)),
    "last step of an epoch": (MODULE, "SimSiamModule.training_step", _step(8)),
    "between epochs": (CALLBACKS, "MetricsCallback.on_train_epoch_end", _always),
    "kNN between epochs": (EVALUATION, "Evaluation.knn_accuracy", _epochs_done(1)),
    "checkpoint": (
        "simsiam_core.training.resume",
        "WholeCheckpointIO.save_checkpoint",
        _saves(8),
    ),
    "last step": (MODULE, "SimSiamModule.training_step", _step(STEPS)),
    "last checkpoint": (
        "simsiam_core.training.resume",
        "WholeCheckpointIO.save_checkpoint",
        _saves(STEPS),
    ),
    "last kNN": (EVALUATION, "Evaluation.knn_accuracy", _epochs_done(EPOCHS)),
    "last word": ("simsiam_core.runs.metrics", "MetricsWriter.close", _always),
}
EVALUATING: dict[str, Where] = {
    "start": ("simsiam_core.jobs.stop_request", "StopRequest.raising", _always),
    "loading": ("simsiam_core.evaluation.job", "load", _always),
    "encoding": ("simsiam_core.evaluation.job", "load_bank", _always),
    "measuring": ("simsiam_core.evaluation.knn_report", "report", _always),
    "writing": ("simsiam_core.runs.evaluations", "EvaluationDirectory.write_result", _always),
    "last word": ("simsiam_core.evaluation.job", "Reporter.close", _always),
}
SIGNALS: dict[str, list[signal.Signals]] = {
    "Ctrl-C": [signal.SIGINT],
    "Ctrl-C twice": [signal.SIGINT, signal.SIGINT],
    "stop": [signal.SIGTERM],
    "pause": [signal.SIGUSR1],
    "closed terminal": [signal.SIGHUP],
    "kill": [signal.SIGKILL],
}


def install(where: dict[str, Where] | str, phase: str, sent: str) -> None:
    """Send the process these signals when it comes to the phase for the first time, in the middle of a call."""
    phases = {"training": TRAINING, "evaluating": EVALUATING}[where] if isinstance(where, str) else where
    module, name, of_which_call = phases[phase]
    owner: Any = importlib.import_module(module)
    *path, name = name.split(".")
    for part in path:
        owner = getattr(owner, part)
    original = getattr(owner, name)
    come = False

    @functools.wraps(original)
    def hooked(*arguments: Any, **options: Any) -> Any:
        nonlocal come
        if not come and of_which_call(*arguments, **options):
            come = True
            for number in SIGNALS[sent]:
                os.kill(os.getpid(), number)
        return original(*arguments, **options)

    setattr(owner, name, hooked)
