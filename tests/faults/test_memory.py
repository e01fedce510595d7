"""Memory that runs out: the sentence names a batch size, and that batch size does fit."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import torch
from tiny import tiny

from simsiam_core.config import Config
from simsiam_core.data import load
from simsiam_core.runs import RunStore
from simsiam_core.training import memory
from simsiam_core.training.module import SimSiamModule

from .conftest import Trainers

LIMIT = 520_000_000  # beyond what an idle process has


def large(batch_size: int) -> Config:
    """Some 1.5 MB of activations for each image of a batch."""
    model = {"stem": "cifar", "width": 16}
    training = {"epochs": 1, "batch_size": batch_size}
    data = {"image_size": 32, "train_limit": 400}
    return tiny(model=model, training=training, data=data, knn={"knn_every": 1000})


def test_a_process_without_memory_names_a_batch_size_that_fits(store: RunStore, trainers: Trainers) -> None:
    run = store.create(large(400))
    trainers.train(run, memory_limit=LIMIT)
    status = run.status()
    assert (status.state, status.exit_code) == ("failed", 1), status
    said = re.search(r"ran out of memory at batch size 400; about (\d+) would fit", status.error or "")
    assert said, status.error
    assert "The last good checkpoint is epoch=0000 (step 0)" in (status.error or "")
    print(said[0])
    smaller = store.create(large(int(said[1])))
    trainers.train(smaller, memory_limit=LIMIT)
    assert smaller.status().state == "finished", smaller.status().error


WEIGHTS, AN_IMAGE = 10_000_000, 3_000_000  # bytes that a step on the simulated GPU takes


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], SimSiamModule]:
    """A module on a simulated GPU with that many bytes free; whatever asks for more is refused."""
    module = SimSiamModule(large(200), load(large(200).data))

    def with_free(free: float) -> SimSiamModule:
        def peak(_: SimSiamModule, batch_size: int, __: str) -> int:
            if WEIGHTS + batch_size * AN_IMAGE > free:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
            return WEIGHTS + batch_size * AN_IMAGE

        monkeypatch.setattr(memory, "_peak", peak)
        monkeypatch.setattr(memory, "_free_on_gpu", lambda: free)
        return module

    return with_free


def test_a_full_gpu_names_the_largest_batch_size_that_fits(gpu: Callable[[float], SimSiamModule]) -> None:
    free = 400e6
    sentence = memory.memory_sentence(gpu(free), "32-true", gpu=True, taken=0)
    said = re.fullmatch(r"The GPU ran out of memory at batch size 200; about (\d+) would fit\.", sentence)
    assert said, sentence
    assert WEIGHTS + int(said[1]) * AN_IMAGE < free
    assert WEIGHTS + (int(said[1]) + 32) * AN_IMAGE > memory.SAFETY * free


def test_a_gpu_that_others_fill_is_told_from_one_that_is_too_small(
    gpu: Callable[[float], SimSiamModule],
) -> None:
    crowded = memory.memory_sentence(gpu(1e9), "32-true", gpu=True, taken=0)
    assert "which should fit by itself: another program uses the memory. Wait, or try 100." in crowded
    small = memory.memory_sentence(gpu(50e6), "32-true", gpu=True, taken=0)
    assert "no batch size would fit; choose a narrower network or smaller images." in small
