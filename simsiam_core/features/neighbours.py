"""Exact nearest-neighbour search by cosine similarity (a matrix product is fast enough) and weighted vote."""

from __future__ import annotations

import torch
from torch import Tensor

from simsiam_core.model.precision import true_fp32

QUERIES_AT_ONCE = 256
SCORES_AT_ONCE = {"cpu": 2**24, "cuda": 2**28}  # similarities held in memory: 64 MB, 1 GB


@torch.no_grad()
def search(queries: Tensor, bank: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the k rows of `bank` [N, d] most similar to each of `queries` [Q, d], in true fp32.

    Rows of both are l2-normalised float32, so their product is the cosine. Both must be on the same device;
    the bank may be a memory map larger than memory. For float64 queries, the search runs in float64. Returns
    similarities [Q, min(k, N)], highest first, and row indices [Q, min(k, N)]. Due to rounding, a similarity
    may slightly exceed 1; ties are in arbitrary order: see `nearest`.
    """
    k = min(k, len(bank))
    scores_at_once = SCORES_AT_ONCE.get(bank.device.type, SCORES_AT_ONCE["cpu"])
    similarities = torch.empty(len(queries), k, dtype=queries.dtype, device=bank.device)
    indices = torch.empty(len(queries), k, dtype=torch.int64, device=bank.device)
    with true_fp32(bank.device.type):
        for start in range(0, len(queries), QUERIES_AT_ONCE):
            some = queries[start : start + QUERIES_AT_ONCE]
            best, where = _search_rows(some, bank, k, rows_at_once=max(k, scores_at_once // len(some)))
            similarities[start : start + len(some)] = best
            indices[start : start + len(some)] = where
    return similarities, indices


def nearest(queries: Tensor, bank: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Search as `search` does, for display: similarities are clamped to −1..1 and ties are ordered by row.

    The first k results are the same for any larger k: if the k-th neighbour ties with the next ones, more
    are fetched until the tie ends, so use this for few queries at a time.
    """
    k, spare = min(k, len(bank)), 1
    while True:
        similarities, rows = search(queries, bank, k + spare)
        similarities = similarities.clamp(-1, 1)
        if k + spare >= len(bank) or k == 0 or bool((similarities[:, k - 1] > similarities[:, -1]).all()):
            break
        spare *= 8
    similarities, rows = sort_by_similarity(similarities, rows)
    return similarities[:, :k], rows[:, :k]


def sort_by_similarity(similarities: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Sort neighbours [Q, k] by descending similarity, ties by row; similarities are clamped to −1..1."""
    rows, order = rows.sort(dim=1)
    similarities, by_similarity = (
        similarities.clamp(-1, 1).gather(1, order).sort(dim=1, descending=True, stable=True)
    )
    return similarities, rows.gather(1, by_similarity)


def _search_rows(queries: Tensor, bank: Tensor, k: int, rows_at_once: int) -> tuple[Tensor, Tensor]:
    """Search the bank in chunks, merging each chunk's top k into a running top k."""
    best = queries.new_empty(len(queries), 0)
    where = torch.empty(len(queries), 0, dtype=torch.int64, device=queries.device)
    for start in range(0, len(bank), rows_at_once):
        scores = queries @ bank[start : start + rows_at_once].to(queries.dtype).T
        new, new_where = scores.topk(min(k, scores.shape[1]), dim=1)
        best, order = torch.cat([best, new], dim=1).topk(min(k, best.shape[1] + new.shape[1]), dim=1)
        where = torch.cat([where, new_where + start], dim=1).gather(1, order)
    return best, where


def vote(similarities: Tensor, labels: Tensor, classes: int, temperature: float) -> Tensor:
    """Return the weighted vote of neighbours: each adds exp(similarity / temperature) to its class (Wu et al. 2018).

    `similarities` and `labels` (int64, one per neighbour) are [Q, k]; returns scores [Q, classes].
    Each query's weights are divided by its nearest neighbour's, whose weight becomes 1: this changes neither
    the order nor the shares, and avoids overflow at any temperature.
    """
    nearest = similarities.amax(dim=1, keepdim=True)
    weights = ((similarities - nearest) / temperature).exp()
    return weights.new_zeros(len(weights), classes).scatter_add_(1, labels, weights)
