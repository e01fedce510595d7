"""Which GPUs a person's machine has, and which of them is free, with a driver's library made up for the test."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest
from tiny import tiny

from simsiam_core.jobs import Scheduler, enqueue, gpus
from simsiam_core.jobs.executors import local
from simsiam_core.jobs.gpus import free_gpus, visible_gpus
from simsiam_core.jobs.table import Row
from simsiam_core.runs import RunDirectory, RunStore
from simsiam_core.runs.processes import process_identity

A, B, C = "GPU-aaaa1111", "GPU-bbbb2222", "GPU-bbcc3333"
PART, OTHER_PART = "MIG-11112222", "MIG-33334444"
GB = 10**9


class Nvml(SimpleNamespace):
    """As much of `pynvml` as is used: cards by UUID, each with a model, and instances where it is split."""

    NVML_DEVICE_MIG_ENABLE = 1

    class NVMLError(Exception):
        pass

    def __init__(self, *cards: tuple[str, str, list[str] | None]) -> None:
        super().__init__()
        self.cards, self.used, self.pids, self.works = cards, {}, {}, True

    def nvmlInit(self) -> None:
        if not self.works:
            raise self.NVMLError("driver not loaded")

    def nvmlShutdown(self) -> None:
        pass

    def nvmlDeviceGetCount(self) -> int:
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:
        return self.cards[index][0]

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:
        return uuid

    def nvmlDeviceGetUUID(self, handle: str) -> str:
        return handle

    def nvmlDeviceGetName(self, handle: str) -> str:
        return self._card(handle)[1]

    def nvmlDeviceGetMigMode(self, handle: str) -> list[int]:
        if self._card(handle)[2] is None:
            raise self.NVMLError("not supported")
        return [1, 1]

    def nvmlDeviceGetMaxMigDeviceCount(self, handle: str) -> int:
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle: str, number: int) -> str:
        parts = self._card(handle)[2] or []
        if number >= len(parts):
            raise self.NVMLError("not found")
        return parts[number]

    def nvmlDeviceGetGpuInstanceId(self, handle: str) -> int:
        return 3

    def nvmlDeviceGetComputeInstanceId(self, handle: str) -> int:
        return 0

    def nvmlDeviceGetMemoryInfo(self, handle: str) -> SimpleNamespace:
        return SimpleNamespace(used=self.used.get(handle, 0))

    def nvmlDeviceGetComputeRunningProcesses(self, handle: str) -> list[SimpleNamespace]:
        return [SimpleNamespace(pid=pid) for pid in self.pids.get(handle, [])]

    def _card(self, handle: str) -> tuple[str, str, list[str] | None]:
        return next(card for card in self.cards if card[0] == handle)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Nvml:
    """Three cards of one model, the last of them split in two."""
    nvml = Nvml((A, "H100", None), (B, "H100", None), (C, "H100", [PART, OTHER_PART]))
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("CUDA_DEVICE_ORDER", raising=False)
    return nvml


def ids() -> list[str]:
    return [gpu.id for gpu in visible_gpus()]


def test_counts_the_parts_of_a_split_card_and_not_the_card(machine: Nvml) -> None:
    """Kind: a MIG card was one slot, and GPUs were found by nvidia-smi alone."""
    found = visible_gpus()
    assert [(gpu.name, gpu.id) for gpu in found] == [
        ("GPU 0", A),
        ("GPU 1", B),
        ("GPU 2 MIG 0", PART),
        ("GPU 2 MIG 1", OTHER_PART),
    ]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("1,0", [B, A]),
        (f"{B}, {A}", [B, A]),
        ("GPU-aa", [A]),
        ("GPU-bb", []),  # fits two cards
        ("GPU-bbc", [PART, OTHER_PART]),
        ("MIG-3333", [OTHER_PART]),
        (f"MIG-{C}/3/0", [PART, OTHER_PART]),
        ("2", [PART, OTHER_PART]),
        ("0,9,1", [A]),
        ("0,0", [A]),
        ("", []),
        ("-1", []),
        ("GPU-none", []),
    ],
)
def test_sees_what_cuda_visible_devices_leaves(
    machine: Nvml, monkeypatch: pytest.MonkeyPatch, given: str, meant: list[str]
) -> None:
    """Kind: what the server may see is passed on to jobs, in whatever words it is given."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    assert ids() == meant


def test_numbers_are_cudas_where_cards_differ(monkeypatch: pytest.MonkeyPatch, machine: Nvml) -> None:
    """Kind: CUDA counts the fastest card first, nvidia-smi by the bus."""
    machine.cards = ((A, "T4", None), (B, "H100", None))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setattr(gpus, "_ask_torch", lambda hide: (B.removeprefix("GPU-"), A.removeprefix("GPU-")))
    assert [(gpu.name, gpu.id) for gpu in visible_gpus()] == [("GPU 1", B)]
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    assert ids() == [A]


def test_a_failed_card_leaves_the_others_their_numbers(
    machine: Nvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: one lost card must not hide the rest."""
    whole = machine.nvmlDeviceGetUUID

    def uuid(handle: str) -> str:
        if handle == A:
            raise machine.NVMLError("GPU is lost")
        return whole(handle)

    monkeypatch.setattr(machine, "nvmlDeviceGetUUID", uuid)
    assert [gpu.name for gpu in visible_gpus()] == ["GPU 1", "GPU 2 MIG 0", "GPU 2 MIG 1"]


def test_asks_torch_where_the_driver_library_fails(machine: Nvml, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kind: without nvidia-smi, or with a slow one, there were no GPUs at all."""
    machine.works = False
    monkeypatch.setattr(gpus, "_has_driver", lambda: True)
    asked: list[float] = []

    def run(*_: object, timeout: float, **__: object) -> SimpleNamespace:
        asked.append(timeout)
        return SimpleNamespace(stdout='some warning\n["aaaa1111", "bbbb2222"]\n')

    monkeypatch.setattr(gpus.subprocess, "run", run)
    gpus._ask_torch.cache_clear()
    assert [(gpu.name, gpu.id) for gpu in visible_gpus()] == [("GPU 0", "0"), ("GPU 1", "1")]
    assert asked == [gpus.ASK_TORCH_SECONDS]
    gpus._ask_torch.cache_clear()

    def late(*_: object, timeout: float, **__: object) -> None:
        raise subprocess.TimeoutExpired("python", timeout)

    monkeypatch.setattr(gpus.subprocess, "run", late)
    assert visible_gpus() == ()
    gpus._ask_torch.cache_clear()


def test_a_gpu_in_use_is_told_by_processes_or_by_memory(
    machine: Nvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: a trial ran beside a running job. A container hides processes; what they hold is not hidden."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", f"{A},{B},{PART}")
    machine.pids[A] = [1]  # init: no worker of ours
    machine.used[B] = 20 * GB
    machine.used[PART] = GB // 2
    assert [gpu.id for gpu in free_gpus(())] == [PART]
    assert free_gpus((PART,)) == ()
    machine.works = False
    monkeypatch.setattr(gpus, "_has_driver", lambda: False)
    assert free_gpus(()) == ()


def test_a_run_that_an_earlier_version_started_keeps_its_gpu(
    store: RunStore, machine: Nvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: rows of the queue with slots of the earlier kind still open, and no GPU is given twice."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", f"{A},{B}")
    launched: list[str] = []

    def launch(run: RunDirectory, variables: dict[str, str], _command: object) -> None:
        launched.append(variables["CUDA_VISIBLE_DEVICES"])
        begin(run)

    def begin(run: RunDirectory) -> None:
        pid, at = process_identity(1)
        run.update_status(state="running", pid=pid, pid_started=at, host=__import__("socket").gethostname())

    monkeypatch.setattr(local, "launch", launch)
    first, second, third = enqueue(store, [tiny(training={"device": "auto"}) for _ in range(3)])
    begin(first)
    with Scheduler(store) as queue:
        queue.queue.table.change(add=[Row(first.id)])
        queue.queue.table.assign(Row(first.id), "GPU 1")  # as it was noted by index
        queue.run_once()
        assert launched == [A]
        assert set(queue.taken_gpus()) == {A, B}
        first.update_status(state="finished")
        queue.queue.table.assign(
            Row(second.id), f"GPU {A}"
        )  # as it was noted by what CUDA_VISIBLE_DEVICES said
        queue.run_once()
        assert launched == [A, B]
    assert third.status().state == "running"
