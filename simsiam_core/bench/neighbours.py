"""How long does a neighbour query take?"""

from __future__ import annotations

import time
from statistics import median
from typing import Any

import torch
from torch.nn import functional as F

from simsiam_core.features.neighbours import search


def measure(rows: int = 50_000, dim: int = 512, k: int = 200, repeats: int = 100) -> dict[str, Any]:
    """Times of exact search in random l2-normalised features, in milliseconds."""
    generator = torch.Generator().manual_seed(0)
    bank = F.normalize(torch.randn(rows, dim, generator=generator), dim=1)
    queries = F.normalize(torch.randn(256, dim, generator=generator), dim=1)
    search(queries[:1], bank, k)  # the first call starts threads and sets memory aside
    single = [_milliseconds(queries[i : i + 1], bank, k) for i in range(repeats)]
    return {
        "bank": f"{rows:,} × {dim}",
        "k": k,
        "threads": torch.get_num_threads(),
        "one query, median ms": median(single),
        "one query, p95 ms": sorted(single)[int(0.95 * repeats)],
        "256 queries, ms": min(_milliseconds(queries, bank, k) for _ in range(3)),
    }


def _milliseconds(queries: torch.Tensor, bank: torch.Tensor, k: int) -> float:
    started = time.perf_counter()
    search(queries, bank, k)
    return 1000 * (time.perf_counter() - started)
