"""kNN accuracy: how well labels carry over between neighbours, with nothing trained."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from simsiam_core.data import Triple, normalise
from simsiam_core.features.neighbours import QUERIES_AT_ONCE, search, vote


@torch.no_grad()
def knn_accuracy(
    bank: Tensor, bank_labels: Tensor, queries: Tensor, query_labels: Tensor, k: int, temperature: float
) -> float:
    """Share of queries whose class wins the weighted vote of their k nearest bank rows.

    The kNN classifier of Wu et al. 2018 (section 3.4) with which SimSiam (appendix D) watches training.
    `bank` [N, d] and `queries` [Q, d]: l2-normalised float32; labels int64 [N] and [Q], all on one device.
    A k above N means N. Returns a fraction, 0 to 1. Memory stays bounded whatever N and Q are.
    """
    classes = int(torch.maximum(bank_labels.max(), query_labels.max())) + 1
    correct = torch.zeros((), dtype=torch.int64, device=bank.device)
    for start in range(0, len(queries), QUERIES_AT_ONCE):
        similarities, indices = search(queries[start : start + QUERIES_AT_ONCE], bank, k)
        scores = vote(similarities, bank_labels[indices], classes, temperature)
        correct += (scores.argmax(dim=1) == query_labels[start : start + QUERIES_AT_ONCE]).sum()
    return int(correct) / len(queries)


def raw_pixel_features(images: Tensor, mean: Triple, std: Triple) -> Tensor:
    """The baseline any representation has to beat: the pixels that the network is given, l2-normalised.

    uint8 images [N, 3, S, S] under the evaluation transform to float32 rows [N, 3·S·S].
    """
    return F.normalize(normalise(images, mean, std).flatten(1), dim=1)
