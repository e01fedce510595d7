"""GPU discovery through NVML: which GPUs the machine has, and whether another process uses them.

A GPU is identified by its UUID, which CUDA_VISIBLE_DEVICES accepts and which does not depend on the device
order. Where a card is split (MIG), its instances count as GPUs and the card does not.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import psutil

ASK_TORCH_SECONDS = 60.0  # importing torch takes seconds, and so does initialising an idle driver
OTHERS_BYTES = 1.5e9  # memory in use that counts as occupied: more than a display takes, less than a job
CONTEXT_BYTES = 0.6e9  # memory of a CUDA context, before the first tensor
WORKER = "simsiam_core.features.worker"  # in the command line of feature workers, which use a GPU briefly
ASK_TORCH = (
    "import json, torch; c = torch.cuda; "
    "print(json.dumps([str(c.get_device_properties(i).uuid) for i in range(c.device_count())]))"
)


@dataclass(frozen=True)
class Gpu:
    """A GPU or MIG instance: `name` is shown, numbered as in nvidia-smi; `id` is for CUDA_VISIBLE_DEVICES."""

    name: str
    id: str
    card: str = ""  # UUID of the card that a MIG instance belongs to
    aliases: tuple[str, ...] = ()  # other ids that CUDA accepts

    def answers_to(self, entry: str) -> bool:
        """Return whether an entry of CUDA_VISIBLE_DEVICES, or a prefix, matches this GPU or its card."""
        prefixed = entry.startswith(("GPU-", "MIG-"))
        return prefixed and any(known.startswith(entry) for known in (self.id, self.card, *self.aliases))


def visible_gpus() -> tuple[Gpu, ...]:
    """Return the GPUs that child processes may use, as limited by CUDA_VISIBLE_DEVICES where it is set.

    Where NVML is not available, torch is queried in a separate process, which gives device numbers only.
    """
    wanted = os.environ.get("CUDA_VISIBLE_DEVICES")
    entries = None if wanted is None else [entry.strip() for entry in wanted.split(",")]
    if entries is not None and entries[0] in ("", "-1"):
        return ()
    try:
        with _nvml() as nvml:
            cards = _cards(nvml)
    except _Unavailable:
        return _by_torch(entries)
    if entries is None:
        return tuple(gpu for _, parts in cards for gpu in parts)
    return _chosen(entries, cards)


def is_occupied(gpu: Gpu) -> bool | None:
    """Return whether another program computes on the GPU or holds much of its memory; None if unknown."""
    try:
        with _nvml() as nvml:
            handle = nvml.nvmlDeviceGetHandleByUUID(gpu.id)
            used = int(nvml.nvmlDeviceGetMemoryInfo(handle).used)
            try:
                pids = [process.pid for process in nvml.nvmlDeviceGetComputeRunningProcesses(handle)]
            except nvml.NVMLError:
                pids = []
    except _Unavailable:
        return None
    ours = [pid for pid in pids if pid == os.getpid() or _is_worker(pid)]
    # In a container other processes may be hidden, but their memory is not.
    return len(ours) < len(pids) or used - len(ours) * CONTEXT_BYTES > OTHERS_BYTES


def free_gpus(taken: Collection[str]) -> tuple[Gpu, ...]:
    """Return the visible GPUs whose ids are not in `taken` and that no other program is known to occupy."""
    return tuple(gpu for gpu in visible_gpus() if gpu.id not in taken and not is_occupied(gpu))


def _is_worker(pid: int) -> bool:
    with contextlib.suppress(psutil.Error):
        return any(WORKER in word for word in psutil.Process(pid).cmdline())
    return False


class _Unavailable(Exception):
    """A missing or failing NVML library."""


@contextmanager
def _nvml() -> Iterator[Any]:
    try:
        import pynvml
    except ImportError as error:
        raise _Unavailable from error
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise _Unavailable from error
    try:
        yield pynvml
    except pynvml.NVMLError as error:
        raise _Unavailable from error
    finally:
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


Card = tuple[str, tuple[Gpu, ...]]  # its model, and the card itself or its MIG instances


def _cards(nvml: Any) -> list[Card]:
    found: list[Card] = []
    for index in range(nvml.nvmlDeviceGetCount()):
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            uuid, model = _text(nvml.nvmlDeviceGetUUID(handle)), _text(nvml.nvmlDeviceGetName(handle))
            card = Gpu(f"GPU {index}", uuid)
            found.append((model, _instances(nvml, handle, card) if _is_split(nvml, handle) else (card,)))
        except nvml.NVMLError:  # a failed card still counts in the numbering
            found.append(("", ()))
    return found


def _is_split(nvml: Any, handle: Any) -> bool:
    try:
        return nvml.nvmlDeviceGetMigMode(handle)[0] == nvml.NVML_DEVICE_MIG_ENABLE
    except nvml.NVMLError:  # the card does not support MIG
        return False


def _instances(nvml: Any, handle: Any, card: Gpu) -> tuple[Gpu, ...]:
    found = []
    for number in range(nvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
        try:
            instance = nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, number)
        except nvml.NVMLError:  # no instance at this index
            continue
        old: tuple[str, ...] = ()
        with contextlib.suppress(nvml.NVMLError):  # the id used by drivers before 470
            parts = nvml.nvmlDeviceGetGpuInstanceId(instance), nvml.nvmlDeviceGetComputeInstanceId(instance)
            old = (f"MIG-{card.id}/{parts[0]}/{parts[1]}",)
        uuid = _text(nvml.nvmlDeviceGetUUID(instance))
        found.append(Gpu(f"{card.name} MIG {number}", uuid, card.id, old))
    return tuple(found)


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _chosen(entries: Sequence[str], cards: Sequence[Card]) -> tuple[Gpu, ...]:
    """Return the GPUs that CUDA would select for these entries: in order, up to the first invalid entry."""
    order = [parts for _, parts in cards]
    numbered = any(entry.isdigit() for entry in entries)
    alike = len({model for model, _ in cards}) < 2
    if numbered and not alike and os.environ.get("CUDA_DEVICE_ORDER") != "PCI_BUS_ID":
        order = _as_cuda_counts(order)  # CUDA's default order: fastest first
    gpus: dict[str, Gpu] = {}
    for entry in entries:
        if entry.isdigit():
            meant = order[int(entry)] if int(entry) < len(order) else ()
        else:
            meant = tuple(gpu for _, parts in cards for gpu in parts if gpu.answers_to(entry))
            if len({gpu.card or gpu.id for gpu in meant}) > 1:  # an ambiguous prefix
                meant = ()
        if not meant:
            break
        gpus |= {gpu.id: gpu for gpu in meant}
    return tuple(gpus.values())


def _as_cuda_counts(order: list[tuple[Gpu, ...]]) -> list[tuple[Gpu, ...]]:
    """Return the cards in CUDA's own order, according to torch; unchanged if torch gives no answer."""
    rank = {f"GPU-{uuid.removeprefix('GPU-')}": n for n, uuid in enumerate(_ask_torch(hide=False))}
    return sorted(
        order, key=lambda parts: min((rank.get(g.card or g.id, len(rank)) for g in parts), default=0)
    )


def _by_torch(entries: Sequence[str] | None) -> tuple[Gpu, ...]:
    """Return as many GPUs as torch counts, named by the given entries or else by number."""
    if not _has_driver():
        return ()
    count = len(_ask_torch(hide=True))
    return tuple(Gpu(f"GPU {entry}", entry) for entry in (entries or [str(n) for n in range(count)])[:count])


@lru_cache(maxsize=2)
def _ask_torch(hide: bool) -> tuple[str, ...]:
    """Return the UUIDs of the GPUs in CUDA's order; with `hide`, as limited by CUDA_VISIBLE_DEVICES."""
    environment = {k: v for k, v in os.environ.items() if hide or k != "CUDA_VISIBLE_DEVICES"}
    command = [sys.executable, "-c", ASK_TORCH]
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=ASK_TORCH_SECONDS, check=True, env=environment
        )
        return tuple(json.loads(answer.stdout.splitlines()[-1]))
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return ()


def _has_driver() -> bool:
    """Return whether a CUDA or ROCm driver is installed, so that querying torch, which takes seconds, may
    help.
    """
    with contextlib.suppress(OSError):
        ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
        return True
    return Path("/dev/kfd").exists()
