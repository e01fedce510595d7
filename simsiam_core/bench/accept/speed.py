"""Checks training speed, eager and compiled, against a bare loop and published code, and GPU utilisation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from unittest.mock import patch

import pytorch_lightning as pl
import torch
from torch.profiler import ProfilerActivity, profile

from simsiam_core.bench import baselines, training
from simsiam_core.bench.accept.rows import NO_GPU, NO_TIME, Place, Row, at_least, skipped, within
from simsiam_core.bench.accept.training import fit, small
from simsiam_core.bench.train_to_end import quiet
from simsiam_core.config import Config, merge, parse, preset

BARE, PUBLISHED, BUSY, EPOCH_SECONDS = 0.85, 1.0, 0.85, 1.5
NEEDED_SECONDS = {"never": 45.0, "always": 120.0}  # compilation takes a minute for each of two networks
FIRST, PROFILED = 6, 20  # steps before profiling, and profiled steps
GOAL_FOR = ("H100", "H200", "B200")  # the cards to which the goal for seconds per epoch applies


def check(place: Place) -> Iterator[Row]:
    """Measure `paper-cifar10` on random images; on a CPU a tiny network, only to test the script."""
    for choice in ("never", "always") if place.gpu else ("never",):
        name = "compiled" if choice == "always" else "eager"
        if place.gpu and place.left < NEEDED_SECONDS[choice]:
            yield from skipped([name], NO_TIME)
            continue
        yield from _rows(place, name, _measured(place, choice, baseline=choice == "never"))
    yield from _busy(place)


def _measured(place: Place, choice: str, baseline: bool) -> dict[str, Any]:
    tiny = {} if place.gpu else small(place).model_dump(include={"data", "model", "training", "knn"})
    changes = merge(tiny, {"training": place.training(compile=choice)})
    turn = training.TURN_SECONDS if place.gpu else 0.05
    with quiet(), patch.object(training, "TURN_SECONDS", turn):
        name = "paper-cifar10" if place.gpu else "quick"
        return training.measure(name, baseline and place.gpu, rounds=5 if place.gpu else 3, changes=changes)


def _rows(place: Place, name: str, figures: dict[str, Any]) -> Iterator[Row]:
    figure = f"{figures['images a second']:,.0f}, {figures['precision']}, {figures['peak memory, GB']:.1f} GB"
    yield Row(f"images a second, {name}", True, figure)
    if name == "compiled":
        yield Row("it is compiled", bool(figures["compiled"]), str(figures["compiled"]), "= True")
    epoch, goal = figures["epoch with kNN and checkpoints, s"], any(g in figures["device"] for g in GOAL_FOR)
    if goal:
        yield within(f"seconds an epoch with kNN, {name}", epoch, EPOCH_SECONDS)
    else:
        yield Row(f"seconds an epoch with kNN, {name}", True, round(epoch, 3), note="no goal for this device")
    for way, ratio in figures.items():
        if way.startswith("ours against") and not way.endswith("quartiles"):
            other = way.removeprefix("ours against ")
            limit = BARE if "bare" in other else PUBLISHED
            note = f"quartiles {figures[f'{way}, quartiles']}"
            if place.gpu:
                yield at_least(f"times {other}, {name}", ratio, limit, note)
            else:
                yield Row(f"times {other}, {name}", ratio > 0, round(ratio, 3), note=note)
    if place.gpu and name == "eager" and not baselines.has_kornia():
        yield from skipped(["times kornia's augmentation"], "skipped: kornia is not installed")


def _busy(place: Place) -> Iterator[Row]:
    """Measure the fraction of time in which a kernel runs, and the kernels launched per step."""
    profiled = _Profiled(place.gpu)
    config = _full(place) if place.gpu else small(place, {"training": {"epochs": 8}})
    fit(config, FIRST + PROFILED + 2, callbacks=[profiled])
    yield Row(
        "kernels a step" if place.gpu else "operations a step", profiled.started > 0, round(profiled.started)
    )
    if place.gpu:
        yield at_least("GPU busy, share of the time", profiled.share, BUSY, "eager, batch 512")
    else:
        yield from skipped(["GPU busy, share of the time"], NO_GPU)


def _full(place: Place) -> Config:
    """Return the config of `paper-cifar10` at its batch size, on textures."""
    changes = {"data": {"source": "textures"}, "training": place.training(compile="never")}
    return parse(merge(preset("paper-cifar10").values, changes, {"training": {"epochs": 10}}))


class _Profiled(pl.Callback):
    """A callback that profiles some steps in mid-training."""

    def __init__(self, gpu: bool) -> None:
        self._gpu = gpu
        kinds = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if gpu else [])]
        self._profile = profile(activities=kinds)
        self.share = self.started = 0.0

    def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        if trainer.global_step == FIRST:
            self._synchronise()
            self._profile.start()
        elif trainer.global_step == FIRST + PROFILED:
            self._synchronise()
            self._profile.stop()
            self._read()

    def _synchronise(self) -> None:
        if self._gpu:
            torch.cuda.synchronize()

    def _read(self) -> None:
        kind = "CUDA" if self._gpu else "CPU"
        events = [
            (event.time_range.start, event.time_range.end)
            for event in self._profile.events() or ()
            if event.device_type.name == kind and not _annotation(event)
        ]
        self.started = len(events) / PROFILED
        if events:
            self.share = covered(events) / (max(end for _, end in events) - min(begin for begin, _ in events))


def _annotation(event: Any) -> bool:
    """Return whether an event is only an annotation around others, such as an optimiser's."""
    named = event.name.startswith(("ProfilerStep", "Optimizer."))
    return named or bool(getattr(event, "is_user_annotation", False))


def covered(spans: Iterable[tuple[float, float]]) -> float:
    """Return the total length of the union of spans `(begin, end)`."""
    total, reached = 0.0, float("-inf")
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return total
