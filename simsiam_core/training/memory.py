"""When the GPU is full: the batch size that would fit, measured on two small batches."""

from __future__ import annotations

import contextlib

import torch

from simsiam_core.training.module import SimSiamModule

SMALL_BATCHES = (8, 24)
SAFETY = 0.9  # of the memory: fragments and the kNN check want some too


def memory_sentence(module: SimSiamModule, precision: str) -> str:
    """What happened and which batch size to try, for a run that ended with torch.OutOfMemoryError."""
    batch = module.config.training.batch_size
    fits = batch_that_fits(module, precision) if torch.cuda.is_available() else None
    start = f"The GPU ran out of memory at batch size {batch}"
    if not fits:
        return f"{start}, and no batch size would fit; choose a narrower network or smaller images."
    if fits >= batch:
        return f"{start}, which should fit an empty GPU: another program uses it. Wait, or try {batch // 2}."
    return f"{start}; about {fits} would fit."


def batch_that_fits(module: SimSiamModule, precision: str) -> int | None:
    """The batch size that the memory of this GPU allows, or None if none is.

    Memory of a step grows in a straight line with the batch: two small ones give the line. Counts what
    other programs use as taken.
    """
    try:
        low, high = (_peak(module.to("cuda"), size, precision) for size in SMALL_BATCHES)
    except torch.OutOfMemoryError:
        return None
    for_an_image = (high - low) / (SMALL_BATCHES[1] - SMALL_BATCHES[0])
    momentum = sum(p.numel() * p.element_size() for p in module.parameters())
    fixed = low - SMALL_BATCHES[0] * for_an_image + momentum
    limit = torch.cuda.get_per_process_memory_fraction() * torch.cuda.get_device_properties(0).total_memory
    free = min(torch.cuda.mem_get_info()[0] + torch.cuda.memory_reserved(), limit)
    fits = int((SAFETY * free - fixed) / for_an_image)
    step = 32 if fits >= 64 else 2
    return fits // step * step or None


def _peak(module: SimSiamModule, batch_size: int, precision: str) -> int:
    """Bytes at the fullest moment of forward and backward."""
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
