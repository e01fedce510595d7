"""Batch size that would fit after running out of memory, measured on a GPU and estimated on a CPU."""

from __future__ import annotations

import contextlib
import resource

import psutil
import torch

from simsiam_core.training.device import HALF
from simsiam_core.training.estimate import work
from simsiam_core.training.module import SimSiamModule
from simsiam_core.training.pace import SAFETY, fitting_batch, rounded_batch

CPU_SHARE = 2.5  # times what autograd saves: gradients, views and convolution workspace; 2.2 was measured
CPU_BYTES = 1e8  # for the threads, independent of the batch


def address_space() -> int:
    """Return the used size of this process's address space in bytes."""
    return psutil.Process().memory_info().vms


def memory_sentence(module: SimSiamModule, precision: str, gpu: bool, taken: int) -> str:
    """Say what happened and which batch size to try, for a run that ran out of memory.

    `taken` is the `address_space` before the first step. With several GPUs, the memory of each is compared
    with its share of the batch.
    """
    batch, gpus = module.config.training.batch_size, module.ranks.count if gpu else 1
    fits = batch_that_fits(module, precision) if gpu else batch_that_fits_beside_others(module, taken)
    where = ("GPUs" if gpus > 1 else "GPU") if gpu else "machine"
    each = f" ({batch // gpus} on each of {gpus})" if gpus > 1 else ""
    start = f"The {where} ran out of memory at batch size {batch}{each}"
    if not fits:
        return f"{start}, and no batch size would fit; choose a narrower network or smaller images."
    if fits >= batch // gpus:
        return f"{start}, which should fit by itself: another program uses the memory. Wait, or try {batch // 2}."
    return f"{start}; about {fits * gpus} would fit{f' ({fits} on each)' if gpus > 1 else ''}."


def batch_that_fits_beside_others(module: SimSiamModule, taken: int) -> int | None:
    """Estimate the batch size that this machine's free memory allows; None if none does.

    Uses the memory that autograd saves per image (`estimate.work`), plus the weights' gradients and momentum.
    A limit on the address space, which applies to each process, is compared with `taken`, the size before the
    first step: memory that the steps allocated since can be reused, even if the allocator has not returned
    it.
    """
    processes = module.ranks.count
    free = float(psutil.virtual_memory().available)
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY:
        free = min(free, processes * (limit - taken))
    cost = work(module.config)
    fixed = processes * (CPU_BYTES + 2 * 4 * cost.trained_parameters)
    return rounded_batch((SAFETY * free - fixed) / (CPU_SHARE * cost.activation_bytes))


def batch_that_fits(module: SimSiamModule, precision: str) -> int | None:
    """Measure the batch size that the memory of this GPU allows; None if none does.

    Memory used by other programs counts as taken. The network runs eagerly for this, which takes less memory.
    """
    moments = 2 if module.config.optimiser.algorithm == "adamw" else 1
    weights = sum(p.numel() * p.element_size() for p in module.parameters())
    with torch.compiler.set_stance("force_eager"):
        return fitting_batch(lambda size: _peak(module, size, precision), _free_on_gpu(), moments * weights)


def _free_on_gpu() -> float:
    """Return the bytes that this process may use in total: what other programs leave, within its own limit."""
    limit = torch.cuda.get_per_process_memory_fraction() * torch.cuda.get_device_properties(0).total_memory
    return min(torch.cuda.mem_get_info()[0] + torch.cuda.memory_reserved(), limit)


def _peak(module: SimSiamModule, batch_size: int, precision: str) -> int:
    """Return the peak memory of forward and backward in bytes."""
    module.to("cuda")
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    kind = HALF.get(precision)
    low_precision = torch.autocast("cuda", kind) if kind else contextlib.nullcontext()
    images = module.dataset.train.images[:batch_size].to("cuda")
    with low_precision:
        views = module.objective.views(images, torch.Generator("cuda"))
        loss = module.objective.losses(module.network, views).total
    loss.backward()
    peak = torch.cuda.max_memory_allocated()
    module.zero_grad(set_to_none=True)
    return peak
