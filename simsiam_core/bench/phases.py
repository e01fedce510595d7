"""Time breakdown of training steps, from marks set by hooks in the measured run itself."""

from __future__ import annotations

import time
from typing import Any

import pytorch_lightning as pl
import torch

PHASES = ("augment", "forward", "backward", "optimiser", "logging", "Lightning")
Mark = Any  # seconds as float, or a CUDA event


class PhaseClock:
    """A timer made of two callbacks, the first and last of the trainer's list, with all others between them.

    On a GPU the marks are CUDA events: recording one does not synchronise, and they measure GPU time, so CPU
    work counts only where the GPU is idle because of it.
    """

    def __init__(self, module: Any) -> None:
        self.first, self.last = _First(self), _Last(self)
        self._steps: list[list[Mark]] = []
        self._cuda = False
        views = module.objective.views

        def marked(*args: Any, **kwargs: Any) -> Any:
            made = views(*args, **kwargs)
            self.mark()
            return made

        module.objective.views = marked

    def start(self, device: torch.device) -> None:
        """Begin a step, which ends the previous one."""
        self._cuda = device.type == "cuda"
        self._steps.append([])
        self.mark()

    def mark(self) -> None:
        """End a phase."""
        if not self._steps:
            return
        if self._cuda:
            event = torch.cuda.Event(enable_timing=True)
            event.record()
            self._steps[-1].append(event)
        else:
            self._steps[-1].append(time.perf_counter())

    def shares(self) -> dict[str, float]:
        """Return the fraction of time of each phase over all complete steps; they sum to 1."""
        if self._cuda:
            torch.cuda.synchronize()
        totals = dict.fromkeys(PHASES, 0.0)
        for step, following in zip(self._steps, [*self._steps[1:], []], strict=True):
            marks = step if len(step) == len(PHASES) + 1 else [*step, *following[:1]]
            if len(marks) == len(PHASES) + 1:
                for phase, begin, end in zip(PHASES, marks[:-1], marks[1:], strict=True):
                    totals[phase] += begin.elapsed_time(end) if self._cuda else end - begin
        whole = sum(totals.values())
        return {phase: spent / whole for phase, spent in totals.items()} if whole else {}


class _First(pl.Callback):
    def __init__(self, clock: PhaseClock) -> None:
        self._clock = clock

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: Any, *_: Any) -> None:
        self._clock.start(pl_module.device)

    def on_before_zero_grad(self, *_: Any) -> None:
        self._clock.mark()  # the forward pass is done

    def on_after_backward(self, *_: Any) -> None:
        self._clock.mark()

    def on_train_batch_end(self, *_: Any) -> None:
        self._clock.mark()  # the optimiser has stepped


class _Last(pl.Callback):
    def __init__(self, clock: PhaseClock) -> None:
        self._clock = clock

    def on_train_batch_end(self, *_: Any) -> None:
        self._clock.mark()  # metrics are gathered, or written
