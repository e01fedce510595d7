"""What may go wrong in one of several processes of a run, at its sixth step.

`install` is called in the processes themselves, before they train.
"""

from __future__ import annotations

import math
import os
import signal
from typing import Any

import torch

from simsiam_core.training import heartbeat
from simsiam_core.training.callbacks.checkpoints import CheckpointCallback
from simsiam_core.training.module import SimSiamModule

STEP = 6


def install(index: str, fault: str, victim: str) -> None:
    """Have process `victim` meet the fault; whoever watches it is told sooner than in earnest."""
    heartbeat.BEAT_SECONDS = 0.2
    if fault == "copy":
        _say_what_is_written()
        if index == victim:
            CheckpointCallback.due = property(lambda self: _steps[-1] == STEP)  # type: ignore[assignment]
    step = SimSiamModule.training_step

    def training_step(module: SimSiamModule, number: int) -> dict[str, Any]:
        _steps.append(module.global_step + 1)
        if index == victim and _steps[-1] == STEP:
            _meet(fault)
        found = step(module, number)
        if index == victim and fault == "nan" and _steps[-1] == STEP:
            found["loss"] = found["loss"] * math.nan
        return found

    SimSiamModule.training_step = training_step  # type: ignore[method-assign]


_steps = [0]


def _meet(fault: str) -> None:
    if fault == "raise":
        raise ValueError("made up")
    if fault == "memory":
        raise torch.OutOfMemoryError("made up")
    if fault == "exit":
        os._exit(3)
    if fault == "freeze":
        os.kill(os.getpid(), signal.SIGSTOP)


def _say_what_is_written() -> None:
    write = CheckpointCallback.write_last

    def write_last(self: CheckpointCallback, trainer: Any) -> None:
        print(f"Written at step {trainer.global_step}", flush=True)
        write(self, trainer)

    CheckpointCallback.write_last = write_last  # type: ignore[method-assign]
