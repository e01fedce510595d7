from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor
from torch.nn import functional as F

from simsiam_core.features.knn import chosen_k, knn_accuracy
from simsiam_core.features.raw_pixels import raw_pixel_features


def blobs(rows: int, seed: int) -> tuple[Tensor, Tensor]:
    """Five overlapping classes on the sphere, unevenly frequent."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 9, (rows,), generator=generator).clamp(max=4)
    centres = torch.randn(5, 16, generator=torch.Generator().manual_seed(99))
    return F.normalize(centres[labels] + 3 * torch.randn(rows, 16, generator=generator), dim=1), labels


@pytest.mark.parametrize(("k", "temperature"), [(1, 0.1), (20, 0.07), (200, 0.1), (200, 0.5)])
def test_equal_to_scikit_learn(k: int, temperature: float) -> None:
    (bank, labels), (queries, truth) = blobs(900, seed=0), blobs(700, seed=1)
    classifier = KNeighborsClassifier(
        k, metric="cosine", algorithm="brute", weights=lambda distance: np.exp((1 - distance) / temperature)
    )
    expected = classifier.fit(bank.double().numpy(), labels.numpy()).score(
        queries.double().numpy(), truth.numpy()
    )
    assert 0.3 < expected < 0.95  # a case in which k and the temperature matter
    assert knn_accuracy(bank, labels, queries, truth, k, temperature) == pytest.approx(expected, abs=1e-9)


def test_a_class_that_only_queries_have_is_never_right() -> None:
    bank, labels = blobs(50, seed=0)
    assert knn_accuracy(bank, labels, bank, torch.full_like(labels, 7), k=1, temperature=0.1) == 0
    assert knn_accuracy(bank, labels, bank, labels, k=1, temperature=0.1) == 1


def test_raw_pixels_are_normalised_rows() -> None:
    images = torch.randint(
        1, 256, (4, 3, 5, 5), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
    )
    features = raw_pixel_features(images, (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
    assert features.shape == (4, 75)
    torch.testing.assert_close(features.norm(dim=1), torch.ones(4))
    centred = images[2].flatten() / 255 - 0.5
    torch.testing.assert_close(features[2], centred / centred.norm())


@pytest.mark.parametrize(
    ("sizes", "k"), [([183] * 10, 18), ([5000] * 10, 200), ([20, 20], 5), ([900, 10, 80], 8), ([2, 2], 4)]
)
def test_k_follows_the_middle_class(sizes: list[int], k: int) -> None:
    """From 5 to 200, and never more than there are images."""
    assert chosen_k(torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))) == k
