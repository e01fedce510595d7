"""When memory is full: the batch size that would fit, measured on a GPU and added up on a CPU."""

from __future__ import annotations

import contextlib
import resource

import psutil
import torch

from simsiam_core.training.estimate import work
from simsiam_core.training.module import SimSiamModule

SMALL_BATCHES = (8, 24)
SAFETY = 0.9  # of the memory: fragments and the kNN check want some too
CPU_SHARE = 2.5  # of what autograd keeps: gradients, views and the convolutions' own space; 2.2 was measured
CPU_FULL = ("can't allocate memory", "could not create a primitive")  # torch's own words, and oneDNN's
CPU_BYTES = 1e8  # for the threads, whatever the batch


def is_out_of_memory(problem: BaseException) -> bool:
    """Whether an exception says that memory is full; on a CPU torch has no type of its own for it."""
    full = isinstance(problem, torch.OutOfMemoryError | MemoryError)
    return full or (isinstance(problem, RuntimeError) and any(words in str(problem) for words in CPU_FULL))


def address_space() -> int:
    """Bytes of this process's addresses that are taken."""
    return psutil.Process().memory_info().vms


def memory_sentence(module: SimSiamModule, precision: str, gpu: bool, taken: int) -> str:
    """What happened and which batch size to try, for a run that ended for want of memory.

    `taken` is the `address_space` before the first step.
    """
    batch = module.config.training.batch_size
    fits = batch_that_fits(module, precision) if gpu else batch_that_fits_beside_others(module, taken)
    where = "GPU" if gpu else "machine"
    start = f"The {where} ran out of memory at batch size {batch}"
    if not fits:
        return f"{start}, and no batch size would fit; choose a narrower network or smaller images."
    if fits >= batch:
        return f"{start}, which should fit by itself: another program uses the memory. Wait, or try {batch // 2}."
    return f"{start}; about {fits} would fit."


def batch_that_fits_beside_others(module: SimSiamModule, taken: int) -> int | None:
    """The batch size that this machine's free memory allows, or None if none is.

    By what autograd keeps of an image (`estimate.work`), beside the weights' gradients and momentum. A limit on
    the address space is held against what was `taken` before the first step: what the steps took since is theirs
    to use again, though the allocator may not have given it back.
    """
    free = float(psutil.virtual_memory().available)
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY:
        free = min(free, limit - taken)
    cost = work(module.config)
    fixed = CPU_BYTES + 2 * 4 * cost.parameters
    return _rounded((SAFETY * free - fixed) / (CPU_SHARE * cost.activation_bytes))


def batch_that_fits(module: SimSiamModule, precision: str) -> int | None:
    """The batch size that the memory of this GPU allows, or None if none is.

    Memory of a step grows in a straight line with the batch: two small ones give the line. Counts what
    other programs use as taken.
    """
    try:
        low, high = (_peak(module, size, precision) for size in SMALL_BATCHES)
    except torch.OutOfMemoryError:
        return None
    for_an_image = (high - low) / (SMALL_BATCHES[1] - SMALL_BATCHES[0])
    momentum = sum(p.numel() * p.element_size() for p in module.parameters())
    fixed = low - SMALL_BATCHES[0] * for_an_image + momentum
    return _rounded((SAFETY * _free_on_gpu() - fixed) / for_an_image)


def _free_on_gpu() -> float:
    """Bytes that this process may have in all: what no other program uses, and no more than it is allowed."""
    limit = torch.cuda.get_per_process_memory_fraction() * torch.cuda.get_device_properties(0).total_memory
    return min(torch.cuda.mem_get_info()[0] + torch.cuda.memory_reserved(), limit)


def _peak(module: SimSiamModule, batch_size: int, precision: str) -> int:
    """Bytes at the fullest moment of forward and backward."""
    module.to("cuda")
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    kind = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}.get(precision)
    low_precision = torch.autocast("cuda", kind) if kind else contextlib.nullcontext()
    images = module.dataset.train.images[:batch_size].to("cuda")
    with low_precision:
        views = module.objective.views(images, torch.Generator("cuda"))
        loss = module.objective.losses(module.network, views).total
    loss.backward()
    peak = torch.cuda.max_memory_allocated()
    module.zero_grad(set_to_none=True)
    return peak


def _rounded(fits: float) -> int | None:
    """Down to a batch size that a person would choose."""
    step = 32 if fits >= 64 else 2
    return max(0, int(fits)) // step * step or None
