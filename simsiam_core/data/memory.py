"""Memory: how a full one is told, how much of it is free, and files larger than it."""

from __future__ import annotations

import errno
import warnings
from pathlib import Path

import numpy as np
import psutil
import torch
from torch import Tensor

RESIDENT_SHARE = 0.5  # of a GPU's free memory that images may take; the rest is the network's
# The words of torch, CUDA, cuDNN, cuBLAS and their kin, NCCL, oneDNN and C++, in lower case. Each of these comes as a
# RuntimeError or a subclass of it, whose type alone says nothing.
FULL = (
    "out of memory",
    "_alloc_failed",
    "cudaerrormemoryallocation",
    "failed to cuda calloc",
    "failed to cuda host alloc",
    "can't allocate memory",
    "cannot allocate memory",
    "not enough memory",
    "could not create a primitive",
    "bad_alloc",
)


def is_out_of_memory(problem: BaseException | None) -> bool:
    """Whether an exception, or the one that it was raised from, says that memory is full."""
    while problem is not None:
        if isinstance(problem, torch.OutOfMemoryError | MemoryError):
            return True
        if isinstance(problem, OSError) and problem.errno == errno.ENOMEM:
            return True
        if isinstance(problem, RuntimeError) and any(words in str(problem).lower() for words in FULL):
            return True
        problem = problem.__cause__
    return False


def free_bytes(device: torch.device) -> int:
    """Bytes that tensors may still take on a device, with what this process's allocator holds ready."""
    if device.type != "cuda":
        return int(psutil.virtual_memory().available)
    ready = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + ready


def fits(size: int, device: torch.device) -> bool:
    """Whether images of `size` bytes may stay on a device; on a CPU they stay where they are."""
    return device.type != "cuda" or size < RESIDENT_SHARE * free_bytes(device)


def mapped(path: Path, shape: tuple[int, ...]) -> Tensor:
    """A file of uint8 numbers as a tensor that must not be written to. Raises OSError.

    Shared and read-only: the pages are the file's own, so that nothing has to be set aside for them and a file
    may be larger than memory and swap. (`torch.from_file` maps privately, or opens the file for writing.)
    """
    return read_only(np.memmap(path, np.uint8, mode="r", shape=shape))


def read_only(array: np.ndarray) -> Tensor:
    """A tensor that shares a read-only array's memory; writing to it would end the process."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)
