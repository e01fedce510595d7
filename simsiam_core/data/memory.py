"""Memory: how a full one is told, how much of it is free, and files larger than it."""

from __future__ import annotations

import errno
import math
import mmap
import sys
from pathlib import Path

import psutil
import torch
from torch import Tensor

RESIDENT_SHARE = 0.5  # of a GPU's free memory that images may take; the rest is the network's
# Linux's value, which Python names from 3.13 on; elsewhere memory is not set aside for private maps.
NO_RESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000 if sys.platform == "linux" else 0)
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
    """Return whether an exception, or the one that it was raised from, says that memory is full."""
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
    """Return bytes that tensors may still take on a device, with what this process's allocator holds ready."""
    if device.type != "cuda":
        return int(psutil.virtual_memory().available)
    ready = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + ready


def fits(size: int, device: torch.device) -> bool:
    """Return whether images of `size` bytes may stay on a device; on a CPU they stay where they are."""
    return device.type != "cuda" or size < RESIDENT_SHARE * free_bytes(device)


def mapped(path: Path, shape: tuple[int, ...], dtype: torch.dtype = torch.uint8, offset: int = 0) -> Tensor:
    """Map a file's numbers from `offset` bytes on as a tensor. Raises OSError.

    Writing to the tensor leaves the file alone: pages are copied when written to, and only then take memory.
    Nothing is set aside for such copies beforehand, so a file may be larger than memory and swap, which
    `torch.from_file` and numpy's copy-on-write mode refuse.
    """
    with path.open("rb") as file:
        pages = mmap.mmap(
            file.fileno(),
            offset + math.prod(shape) * dtype.itemsize,
            flags=mmap.MAP_PRIVATE | NO_RESERVE,
            prot=mmap.PROT_READ | mmap.PROT_WRITE,
        )
    return torch.frombuffer(pages, dtype=dtype, count=math.prod(shape), offset=offset).view(shape)
