"""kNN accuracy: evaluation of features without training a classifier."""

from __future__ import annotations

import torch
from torch import Tensor

from simsiam_core.features.neighbours import QUERIES_AT_ONCE, search, vote

LEAST_K, MOST_K, SHARE_OF_CLASS = 5, 200, 0.1


def chosen_k(labels: Tensor | None) -> int:
    """Return the k that suits the classes of a bank, by its labels, int64 [N]. Without labels: 200."""
    if labels is None or not len(labels):
        return MOST_K
    sizes = torch.bincount(labels.cpu())
    middle = int(sizes[sizes > 0].median())
    return suited_k(middle, len(labels))


def suited_k(class_size: int, images: int) -> int:
    """Return a tenth of the images of a middle-sized class, from 5 to 200, and no more than there are images.

    With k near the size of a class a vote counts images of other classes however good the features are; a
    tenth is a neighbourhood, and 200 is what is usual for CIFAR-10.
    """
    return min(MOST_K, images, max(LEAST_K, round(SHARE_OF_CLASS * class_size)))


@torch.no_grad()
def leave_one_out(features: Tensor, labels: Tensor, k: int, temperature: float) -> Tensor:
    """Return for each image whether the vote of its k nearest others is right, bool [N].

    `features` [N, d] are l2-normalised float32, `labels` int64 [N]; the vote is that of `knn_accuracy`.
    """
    classes, right = int(labels.max()) + 1, torch.empty(len(labels), dtype=torch.bool)
    for start in range(0, len(features), QUERIES_AT_ONCE):
        own = torch.arange(start, min(start + QUERIES_AT_ONCE, len(features)))
        similarities, rows = search(features[own], features, min(k + 1, len(features)))
        itself = rows == own[:, None]
        last = ~itself.any(dim=1)  # where k others are as near as the image itself
        itself[last, -1] = True
        others = (~itself).nonzero()[:, 1].view(len(own), -1)
        similarities, rows = similarities.gather(1, others), rows.gather(1, others)
        predicted = vote(similarities, labels[rows], classes, temperature).argmax(dim=1)
        right[own] = predicted == labels[own]
    return right


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
