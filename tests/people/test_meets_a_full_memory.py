"""Memory that is full, in all the words that it comes in, and the batch that would fit."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from tiny import tiny
from torch import nn

from simsiam_core.data import load
from simsiam_core.data.memory import is_out_of_memory
from simsiam_core.features import encode as encoding
from simsiam_core.features.encode import encode
from simsiam_core.model import Encoder
from simsiam_core.training import memory
from simsiam_core.training.pace import fitting_batch

FULL = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
    torch.AcceleratorError("CUDA error: out of memory", 2),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("cusolver error: CUSOLVER_STATUS_ALLOC_FAILED, when calling `cusolverDnCreate(handle)`"),
    torch.distributed.DistBackendError(
        "NCCL error: unhandled cuda error\nLast error:\nCuda failure 2 'out of memory'"
    ),
    torch.distributed.DistBackendError("NCCL error\nLast error:\nFailed to CUDA calloc async 4 bytes"),
    RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
    RuntimeError("unable to mmap 7 bytes from file <x>: Cannot allocate memory (12)"),
    RuntimeError("std::bad_alloc"),
    RuntimeError("could not create a primitive"),
    OSError(12, "Cannot allocate memory"),
    MemoryError(),
]
OTHERS = [
    torch.AcceleratorError("CUDA error: an illegal memory access was encountered", 700),
    RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
    ValueError("out of memory, says a value"),
    OSError(28, "No space left on device"),
]


@pytest.mark.parametrize("problem", FULL, ids=lambda p: str(p)[:30])
def test_is_told_that_memory_was_full(problem: Exception) -> None:
    """Kind: a full GPU was shown as a crash of torch, cuDNN, cuBLAS or NCCL."""
    assert is_out_of_memory(problem)
    wrapped = RuntimeError("backend compiler failed")
    wrapped.__cause__ = problem
    assert is_out_of_memory(wrapped)


@pytest.mark.parametrize("problem", OTHERS, ids=lambda p: str(p)[:30])
def test_is_not_told_so_of_other_faults(problem: Exception) -> None:
    """Kind: the right sentence for the wrong fault."""
    assert not is_out_of_memory(problem)


@pytest.mark.parametrize("problem", [FULL[1], FULL[2], FULL[7]], ids=lambda p: str(p)[:30])
def test_encoding_goes_on_with_smaller_batches(problem: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kind: encoding ended where a smaller batch would have done."""
    dataset = load(tiny().data)
    sizes: list[int] = []

    class Backbone(nn.Module):
        feature_dim = 4

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            sizes.append(len(x))
            if len(x) > 6:
                raise problem
            return x.flatten(1)[:, :4] + 1

    encoder = Encoder(Backbone(), tiny(), dataset.mean, dataset.std, (), 0, 0)  # type: ignore[arg-type]
    monkeypatch.setattr(encoding, "CPU_PIXELS", 20 * 16 * 16)
    features = encode(encoder, dataset.train)
    assert sizes[:3] == [20, 10, 5]
    assert sum(sizes[2:]) == len(dataset.train)
    assert torch.allclose(features.norm(dim=1), torch.ones(len(features)))


def module(batch: int, count: int) -> SimpleNamespace:
    return SimpleNamespace(
        config=tiny(training={"batch_size": batch, "devices": count}), ranks=SimpleNamespace(count=count)
    )


def test_the_advice_for_several_gpus_is_of_the_whole_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kind: a figure of one GPU was compared with the whole batch."""
    monkeypatch.setattr(memory, "batch_that_fits", lambda *_: 192)
    two = memory.memory_sentence(module(512, 2), "bf16-mixed", True, 0)  # type: ignore[arg-type]
    assert two == (
        "The GPUs ran out of memory at batch size 512 (256 on each of 2); about 384 would fit (192 on each)."
    )
    beside = memory.memory_sentence(module(320, 2), "bf16-mixed", True, 0)  # type: ignore[arg-type]
    assert "should fit by itself: another program" in beside
    one = memory.memory_sentence(module(512, 1), "bf16-mixed", True, 0)  # type: ignore[arg-type]
    assert one == "The GPU ran out of memory at batch size 512; about 192 would fit."


def test_two_small_batches_tell_which_fits() -> None:
    """Kind: the advised batch has to train."""
    assert fitting_batch(lambda n: 1e9 + 1e7 * n, free=11e9) == 864  # 0.9 × 11 GB − 1 GB, in steps of 32
    assert fitting_batch(lambda n: 1e9 + 1e7 * n, free=1e9) is None

    def full(_: int) -> float:
        raise torch.AcceleratorError("CUDA error: out of memory", 2)

    assert fitting_batch(full, free=1e9) is None
