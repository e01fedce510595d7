"""Memory utilities: out-of-memory detection, free memory, and memory maps larger than memory."""

from __future__ import annotations

import errno
import math
import mmap
import sys
import tempfile
from pathlib import Path

import psutil
import torch
from torch import Tensor

from simsiam_core.config.cache import cache_dir

COPIED_BYTES = 2**30  # of images that are copied into memory; more go into a file
RESIDENT_SHARE = 0.5  # share of a GPU's free memory for images; the rest is for the network
# Linux's value, available in Python's mmap from 3.13; other systems do not reserve memory for private maps.
NO_RESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000 if sys.platform == "linux" else 0)
# Out-of-memory messages of torch, CUDA, cuDNN, cuBLAS and related libraries, NCCL, oneDNN and C++, in lower
# case. Each is raised as RuntimeError or a subclass, so the type alone does not identify it.
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
    """Return whether an exception, or any it was raised from, means out of memory."""
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
    """Return the bytes available for tensors on a device, including this process's unused allocator cache."""
    if device.type != "cuda":
        return int(psutil.virtual_memory().available)
    ready = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + ready


def fits(size: int, device: torch.device) -> bool:
    """Return whether images of `size` bytes fit on a device; always true for a CPU, which needs no copy."""
    return device.type != "cuda" or size < RESIDENT_SHARE * free_bytes(device)


def gathered(images: Tensor, rows: Tensor) -> Tensor:
    """Copy rows of uint8 images together: into memory, or into an unnamed file of the cache if they are large.

    Pages of the file are read when they are used and dropped when memory runs short. Raises OSError.
    """
    size = len(rows) * images[:1].nbytes
    if size <= COPIED_BYTES:
        return images[rows]
    place = cache_dir()
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=place, prefix="partial-") as file:
        for some in rows.split(max(1, COPIED_BYTES // 16 // images[:1].nbytes)):
            file.write(images[some].numpy().tobytes())
        file.flush()
        return mapped(Path(file.name), (len(rows), *images.shape[1:]))


def joined(first: Tensor, second: Tensor) -> Tensor:
    """Concatenate images; no pixel is copied if they are neighbouring parts of one tensor, such as two splits."""
    same = first.untyped_storage().data_ptr() == second.untyped_storage().data_ptr()
    if same and first.is_contiguous() and first.data_ptr() + first.nbytes == second.data_ptr():
        shape = (len(first) + len(second), *first.shape[1:])
        return first.as_strided(shape, first.stride())
    return torch.cat((first, second))


def mapped(path: Path, shape: tuple[int, ...], dtype: torch.dtype = torch.uint8, offset: int = 0) -> Tensor:
    """Memory-map a file's contents from byte `offset` as a tensor. Raises OSError.

    Writing to the tensor does not change the file: pages are copied on write, and only then use memory.
    No memory is reserved for such copies, so a file may be larger than memory and swap, which
    `torch.from_file` and numpy's copy-on-write mode do not allow.
    """
    with path.open("rb") as file:
        pages = mmap.mmap(
            file.fileno(),
            offset + math.prod(shape) * dtype.itemsize,
            flags=mmap.MAP_PRIVATE | NO_RESERVE,
            prot=mmap.PROT_READ | mmap.PROT_WRITE,
        )
    return torch.frombuffer(pages, dtype=dtype, count=math.prod(shape), offset=offset).view(shape)
