from __future__ import annotations

import torch
from torch.nn import functional as F

from simsiam_core.evaluation.by_class import confusion
from simsiam_core.evaluation.knn_report import centroid_accuracy, grid
from simsiam_core.features.knn import knn_accuracy


def clusters(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    centres = torch.randn(4, 12, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(count) % 4
    noise = 1.5 * torch.randn(count, 12, generator=torch.Generator().manual_seed(seed))
    return F.normalize(centres[labels] + noise, dim=1), labels


def test_every_cell_of_the_grid_is_the_accuracy_of_its_k_and_temperature() -> None:
    bank, queries = clusters(600, 1), clusters(300, 2)
    found = grid(*bank, *queries, ks=(1, 20, 5000), temperatures=(0.07, 0.5), reported=(20, 0.1))
    assert found.ks == (1, 20, 600)  # no more than there are
    assert found.temperatures == (0.07, 0.1, 0.5)
    for i, k in enumerate(found.ks):
        for j, temperature in enumerate(found.temperatures):
            assert found.accuracy[i][j] == knn_accuracy(*bank, *queries, k, temperature)


def test_it_equals_float64() -> None:
    (bank, labels), (queries, truth) = clusters(600, 1), clusters(300, 2)
    similarities, rows = (queries.double() @ bank.double().T).topk(20, dim=1)
    votes = F.one_hot(labels[rows], 4) * (similarities / 0.1).exp()[:, :, None]
    expected = votes.sum(dim=1).argmax(dim=1)
    found = grid(bank, labels, queries, truth, (20,), (0.1,), (20, 0.1))
    assert torch.equal(found.predicted, expected)
    assert found.accuracy == [[(expected == truth).double().mean().item()]]


def test_confusion_counts_true_by_found() -> None:
    truth, found = torch.tensor([0, 0, 1, 2]), torch.tensor([0, 1, 1, 0])
    assert confusion(truth, found, 3).tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]


def test_centroids_of_separate_clusters_are_enough() -> None:
    bank = F.normalize(torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]]), dim=1)
    labels = torch.tensor([0, 0, 1, 1])
    assert centroid_accuracy(bank, labels, bank, labels) == 1.0
