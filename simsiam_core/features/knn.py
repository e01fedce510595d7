"""kNN accuracy: how well labels carry over between neighbours, with nothing trained."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from simsiam_core.features.neighbours import QUERIES_AT_ONCE, search, vote

SPARE = 32  # neighbours kept beyond the k-th: those that rounding may have put on the wrong side of it
NUMBERS_AT_ONCE = 2**24  # float64 of neighbours held in memory: 128 MB


class Voters:
    """The nearest bank rows of some queries, and votes of them that come out as they would in float64.

    Similarities are float32. Where the two foremost classes lie so close that rounding could have exchanged
    them, by its error in every weight or by taking a wrong k-th neighbour, the query is asked again in float64.
    """

    def __init__(self, queries: Tensor, bank: Tensor, bank_labels: Tensor, k: int, classes: int) -> None:
        """Tensors as in `knn_accuracy`; `k` is the largest that `winners` will be asked for."""
        self._queries, self._bank, self._bank_labels = queries, bank, bank_labels
        self._k, self._classes = min(k, len(bank)), classes
        self._similarities, self._rows = search(queries, bank, k + SPARE)
        self._labels = bank_labels[self._rows]
        # What a sum of d products of two rows of length 1 is off by at most (Higham 2002, section 3.1).
        self._error = queries.shape[1] * 2.0**-24
        self._exact = self._similarities.double()  # so far only those of queries that were asked again
        self._exact_labels = self._labels.clone()
        self._asked = torch.zeros(len(queries), dtype=torch.bool, device=bank.device)

    def winners(self, k: int, temperature: float) -> Tensor:
        """The class that the vote of the k nearest gives each query: int64 [Q]."""
        k = min(k, self._k)
        scores = vote(self._similarities[:, :k], self._labels[:, :k], self._classes, temperature)
        found = scores.argmax(dim=1)
        doubtful = self._doubtful(scores, k, temperature)
        if doubtful.any():
            self._ask(doubtful & ~self._asked)
            again = self._exact[doubtful, :k], self._exact_labels[doubtful, :k]
            found[doubtful] = vote(*again, self._classes, temperature).argmax(dim=1)
        return found

    def _doubtful(self, scores: Tensor, k: int, temperature: float) -> Tensor:
        """Queries whose foremost class leads by less than rounding can shift: bool [Q]."""
        if self._classes < 2:
            return torch.zeros(len(scores), dtype=torch.bool, device=scores.device)
        similarities, twice = self._similarities, 2 * self._error
        best, second = scores.topk(2, dim=1).values.unbind(dim=1)
        shift = (best + second) * (math.expm1(twice / temperature) + 2 * k * 2.0**-24)
        if k < similarities.shape[1]:  # a neighbour less similar than that may belong outside
            exchanged = (similarities[:, :k] <= similarities[:, k : k + 1] + twice).sum(dim=1)
            weight = ((similarities[:, k - 1] + twice - similarities[:, 0]) / temperature).exp()
            shift = shift + 2 * exchanged * weight
        return best - second <= shift

    def _ask(self, wanted: Tensor) -> None:
        """Put the nearest of these queries (bool [Q]) in order by float64, and remember it."""
        similarities = self._similarities
        last = similarities[:, self._k - 1] - 2 * self._error
        # Only where every spare one is as near as the k-th may others of the bank be nearer still.
        full = (similarities[:, -1] >= last) & (similarities.shape[1] < len(self._bank))
        for some in (wanted & ~full).nonzero()[:, 0].split(self._at_once()):
            rows = self._rows[some]
            exact = (self._bank[rows].double() @ self._queries[some].double()[:, :, None])[:, :, 0]
            self._exact[some], order = exact.sort(dim=1, descending=True, stable=True)
            self._exact_labels[some] = self._bank_labels[rows].gather(1, order)
        some = wanted & full
        if some.any():
            self._exact[some], rows = search(self._queries[some].double(), self._bank, similarities.shape[1])
            self._exact_labels[some] = self._bank_labels[rows]
        self._asked |= wanted

    def _at_once(self) -> int:
        return max(1, NUMBERS_AT_ONCE // (self._rows.shape[1] * self._bank.shape[1]))


@torch.no_grad()
def knn_accuracy(
    bank: Tensor, bank_labels: Tensor, queries: Tensor, query_labels: Tensor, k: int, temperature: float
) -> float:
    """Share of queries whose class wins the weighted vote of their k nearest bank rows, as in float64.

    The kNN classifier of Wu et al. 2018 (section 3.4) with which SimSiam (appendix D) watches training.
    `bank` [N, d] and `queries` [Q, d]: l2-normalised float32; labels int64 [N] and [Q], all on one device.
    A k above N means N. Returns a fraction, 0 to 1. Memory stays bounded whatever N and Q are.
    """
    classes = int(torch.maximum(bank_labels.max(), query_labels.max())) + 1
    correct = torch.zeros((), dtype=torch.int64, device=bank.device)
    for start in range(0, len(queries), QUERIES_AT_ONCE):
        voters = Voters(queries[start : start + QUERIES_AT_ONCE], bank, bank_labels, k, classes)
        found = voters.winners(k, temperature)
        correct += (found == query_labels[start : start + QUERIES_AT_ONCE]).sum()
    return int(correct) / len(queries)
