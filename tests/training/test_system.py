"""What the training process says of its machine, and how often."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from simsiam_core.metrics.system_cpu import CPU_LOAD
from simsiam_core.metrics.system_gpu import GPU_LOAD
from simsiam_core.metrics.system_gpu_memory import GPU_MEMORY
from simsiam_core.metrics.system_memory import MEMORY
from simsiam_core.training.system import EVERY_SECONDS, GIB, SystemWatch


def test_it_measures_every_few_seconds_and_at_the_end() -> None:
    now = [100.0]
    watch = SystemWatch(lambda: now[0])
    first = watch.measure()
    assert 0 <= first[CPU_LOAD] <= 1 and 0.01 < first[MEMORY] < 1000
    assert GPU_LOAD not in first or torch.cuda.is_available()
    now[0] += EVERY_SECONDS / 2
    assert watch.measure() == {}
    assert watch.measure(last=True).keys() == first.keys()
    now[0] += EVERY_SECONDS
    assert watch.measure().keys() == first.keys()


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Two cards, of which a driver tells 20 and 80 % of load and 1 and 3 GiB in use."""
    cuda = SimpleNamespace(
        is_available=lambda: True,
        is_initialized=lambda: True,
        device_count=lambda: 2,
        utilization=lambda device: (20, 80)[device],
        mem_get_info=lambda device: ((7, 5)[device] * GIB, 8 * GIB),
    )
    monkeypatch.setattr("simsiam_core.training.system.torch", SimpleNamespace(cuda=cuda))
    return cuda


def test_of_several_gpus_the_mean_load_and_the_most_memory_count(two_gpus: SimpleNamespace) -> None:
    found = SystemWatch().measure()
    assert (found[GPU_LOAD], found[GPU_MEMORY]) == (0.5, 3.0)


def test_a_driver_that_tells_no_load_still_tells_memory(two_gpus: SimpleNamespace) -> None:
    def refuse(device: int) -> int:
        raise ModuleNotFoundError("pynvml")

    two_gpus.utilization = refuse
    found = SystemWatch().measure()
    assert GPU_LOAD not in found and found[GPU_MEMORY] == 3.0
