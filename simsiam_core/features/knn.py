"""kNN accuracy: evaluation of features without training a classifier."""

from __future__ import annotations

import torch
from torch import Tensor

from simsiam_core.features.neighbours import QUERIES_AT_ONCE, search, vote


@torch.no_grad()
def knn_accuracy(
    bank: Tensor, bank_labels: Tensor, queries: Tensor, query_labels: Tensor, k: int, temperature: float
) -> float:
    """Return the accuracy, 0 to 1, of the weighted vote of each query's k nearest bank rows.

    The kNN classifier of Wu et al. 2018 (section 3.4), used by SimSiam (appendix D) to monitor training.
    `bank` [N, d] and `queries` [Q, d] are l2-normalised float32; labels int64 [N] and [Q], all on one device.
    A k above N means N. Memory use is bounded for any N and Q.
    """
    classes = count_classes(bank_labels, query_labels)
    correct = torch.zeros((), dtype=torch.int64, device=bank.device)
    for start in range(0, len(queries), QUERIES_AT_ONCE):
        batch = slice(start, start + QUERIES_AT_ONCE)
        similarities, rows = search(queries[batch], bank, k)
        predicted = vote(similarities, bank_labels[rows], classes, temperature).argmax(dim=1)
        correct += (predicted == query_labels[batch]).sum()
    return int(correct) / len(queries)


def count_classes(bank_labels: Tensor, query_labels: Tensor) -> int:
    """Return the number of classes over both label tensors; a class may occur in only one of them."""
    return int(torch.maximum(bank_labels.max(), query_labels.max())) + 1
