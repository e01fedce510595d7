"""kNN report: accuracy over k and T, per class, confusion matrix, and baselines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from simsiam_core.config.evaluations.knn import KnnEvaluation
from simsiam_core.data import ImageSet
from simsiam_core.evaluation.by_class import by_class
from simsiam_core.evaluation.job import Measurement, Reporter, Subject
from simsiam_core.features.knn import chosen_k, count_classes
from simsiam_core.features.neighbours import QUERIES_AT_ONCE, search, vote
from simsiam_core.features.raw_pixels import raw_pixel_accuracy

KS = (1, 5, 20, 50, 100, 200)
TEMPERATURES = (0.07, 0.1, 0.2, 0.5)


@dataclass(frozen=True)
class Grid:
    """Accuracies [k][T] for every k and temperature, and each query's predicted class at the reported pair."""

    ks: tuple[int, ...]
    temperatures: tuple[float, ...]
    accuracy: list[list[float]]
    predicted: Tensor  # int64 [Q], under the reported k and T


@torch.no_grad()
def grid(
    bank: Tensor,
    bank_labels: Tensor,
    queries: Tensor,
    query_labels: Tensor,
    ks: Sequence[int],
    temperatures: Sequence[float],
    reported: tuple[int, float],
) -> Grid:
    """Measure every k and temperature from one search: the nearest max(ks) contain the nearest k for every k.

    Tensors as in `knn_accuracy`. `reported` is the pair whose predictions are kept.
    """
    ks = tuple(sorted({min(k, len(bank)) for k in (*ks, reported[0])}))
    temperatures = tuple(sorted({*temperatures, reported[1]}))
    kept_k, kept_t = min(reported[0], len(bank)), reported[1]
    classes = count_classes(bank_labels, query_labels)
    right = torch.zeros(len(ks), len(temperatures), dtype=torch.int64)
    predicted = []
    for start in range(0, len(queries), QUERIES_AT_ONCE):
        truth = query_labels[start : start + QUERIES_AT_ONCE]
        similarities, rows = search(queries[start : start + QUERIES_AT_ONCE], bank, ks[-1])
        labels = bank_labels[rows]
        for i, k in enumerate(ks):
            for j, temperature in enumerate(temperatures):
                scores = vote(similarities[:, :k], labels[:, :k], classes, temperature)
                found = scores.argmax(dim=1)
                right[i, j] += int((found == truth).sum())
                if (k, temperature) == (kept_k, kept_t):
                    predicted.append(found.cpu())
    return Grid(ks, temperatures, (right.double() / len(queries)).tolist(), torch.cat(predicted))


@torch.no_grad()
def centroid_accuracy(bank: Tensor, bank_labels: Tensor, queries: Tensor, query_labels: Tensor) -> float:
    """Classify by the nearest class mean, by cosine: a baseline that reduces each class to a single point."""
    classes = int(bank_labels.max()) + 1
    sums = bank.new_zeros(classes, bank.shape[1]).index_add_(0, bank_labels, bank)
    absent = torch.bincount(bank_labels, minlength=classes) == 0  # a class without images has no mean
    found = (queries @ F.normalize(sums, dim=1).T).masked_fill(absent, -math.inf).argmax(dim=1)
    return int((found == query_labels).sum()) / len(queries)


def report(subject: Subject, settings: KnnEvaluation, reporter: Reporter) -> Measurement:
    """Measure the whole report of one checkpoint; the headline figure uses k and T given, or the run's."""
    knn = subject.run.config().knn
    temperature = settings.temperature or knn.temperature
    bank, queries = subject.bank("train", reporter), subject.bank("test", reporter)
    assert bank.labels is not None and queries.labels is not None
    k = settings.k or knn.k or chosen_k(bank.labels)
    reporter.set(force=True, activity="Searching neighbours")
    found = grid(
        bank.features,
        bank.labels,
        queries.features,
        queries.labels,
        KS,
        TEMPERATURES,
        (k, temperature),
    )
    reporter.set(force=True, activity="Measuring the baselines")
    mean, std = subject.dataset.mean, subject.dataset.std
    raw = raw_pixel_accuracy(*_splits(subject), mean, std, k, temperature, subject.device)
    accuracy = int((found.predicted == queries.labels).sum()) / len(queries)
    centroids = centroid_accuracy(bank.features, bank.labels, queries.features, queries.labels)
    return Measurement(
        figures={
            "knn/accuracy": accuracy,
            "knn/centroid_accuracy": centroids,
            "knn/raw_pixels_accuracy": raw.accuracy,
        },
        stamp={
            "k": min(k, len(bank)),
            "temperature": temperature,
            "bank": "train",
            "raw_pixels": raw.note or None,  # None: all images at full size
            "seed": None,
        },
        details={
            "ks": found.ks,
            "temperatures": found.temperatures,
            "grid": found.accuracy,
            **by_class(queries.labels, found.predicted, subject.classes),
        },
    )


def _splits(subject: Subject) -> tuple[ImageSet, ImageSet]:
    assert subject.dataset.test is not None
    return subject.dataset.train, subject.dataset.test
