"""Duration and correctness of kNN accuracy and the linear sweep on 50,000 × 512 features.

kNN is compared with the same vote in float64; the linear sweep with scikit-learn's LogisticRegression, with C
chosen on the same validation images and then fitted on the same training features.
"""

from __future__ import annotations

import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from simsiam_core.bench.untrained import untrained
from simsiam_core.config import ConfigError, parse
from simsiam_core.config.evaluations.linear import LinearEvaluation
from simsiam_core.evaluation.knn_report import KS, TEMPERATURES, grid
from simsiam_core.evaluation.linear_cached import SWEEP, batch_size_for, sweep
from simsiam_core.evaluation.splits import validation_split
from simsiam_core.features.bank import load_bank
from simsiam_core.features.knn import knn_accuracy
from simsiam_core.runs import RunStore

K, TEMPERATURE = 200, 0.1
CS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
CLASSES = 10
QUERIES_AT_ONCE = 500  # in the reference: 500 × 50,000 float64 similarities take 200 MB


@dataclass(frozen=True)
class Features:
    """The features of both splits: l2-normalised float32 [N, d] with labels int64 [N]."""

    name: str
    train: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]


class Clock:
    """A stopwatch for wall-clock and CPU seconds; the latter are comparable on a shared machine."""

    def __init__(self) -> None:
        self._passed, self._spent = time.perf_counter(), time.process_time()

    def read(self, what: str) -> dict[str, float]:
        """Return both since the stopwatch was created."""
        passed, spent = time.perf_counter() - self._passed, time.process_time() - self._spent
        return {f"{what}, s": passed, f"{what}, processor s": spent}


def measure(
    path: str | None = None, rows: int = 50_000, queries: int = 10_000, dim: int = 512
) -> dict[str, Any]:
    """Measure times and accuracies, on features of the images in a folder or on synthetic ones."""
    features = _of_images(path) if path else _synthetic(rows, queries, dim)
    count, width = features.train[0].shape
    return {
        "features": features.name,
        "bank": f"{count:,} × {width}",
        "queries": len(features.test[0]),
        "threads": torch.get_num_threads(),
        **_knn(features),
        **_linear(features),
    }


def _of_images(path: str) -> Features:
    """Return 512-dimensional features of labelled images by an untrained network: correlated as real ones
    are.
    """
    network = {"backbone": "resnet10", "stem": "stride2", "width": 64}
    config = parse({"data": {"source": "folder", "path": path}, "model": network})
    with tempfile.TemporaryDirectory() as folder:
        run = untrained(RunStore(Path(folder)), config)
        banks = [load_bank(run, run.checkpoint("epoch=0000"), split) for split in ("train", "test")]
        train, test = ((bank.features.clone(), bank.labels) for bank in banks)  # copied from the memory map
    if train[1] is None or test[1] is None:
        raise ConfigError.at("path", f"{path} must hold train/<class>/ and test/<class>/: labels are needed.")
    return Features(
        "of images, by an untrained resnet10 of width 64", (train[0], train[1]), (test[0], test[1])
    )


def _synthetic(rows: int, queries: int, dim: int) -> Features:
    """Return features of overlapping classes, with a decaying spectrum like that of real features."""
    generator = torch.Generator().manual_seed(0)
    scale = torch.arange(1, dim + 1).float().rsqrt()
    centres = torch.randn(CLASSES, dim, generator=generator) * scale

    def split(count: int) -> tuple[Tensor, Tensor]:
        labels = torch.arange(count) % CLASSES
        noise = torch.randn(count, dim, generator=generator) * scale
        return F.normalize(0.5 * centres[labels] + noise, dim=1), labels

    return Features("made up: ten overlapping classes", split(rows), split(queries))


def _knn(features: Features) -> dict[str, Any]:
    (bank, labels), (queries, truth) = features.train, features.test
    clock = Clock()
    knn_accuracy(bank, labels, queries, truth, K, TEMPERATURE)
    one = clock.read(f"kNN, k {K}, T {TEMPERATURE}")
    clock = Clock()
    found = grid(bank, labels, queries, truth, KS, TEMPERATURES, (K, TEMPERATURE))
    took = clock.read(f"kNN, grid of {len(found.ks)} k × {len(found.temperatures)} T")
    reference = _reference(bank, labels, queries)
    right = [int((predicted == truth).sum()) for predicted in (found.predicted, reference)]
    return {
        **one,
        **took,
        f"kNN accuracy, k {K}, T {TEMPERATURE}, %": 100 * right[0] / len(truth),
        "kNN accuracy in float64, %": 100 * right[1] / len(truth),
        "queries answered otherwise in float64": int((found.predicted != reference).sum()),
    }


def _reference(bank: Tensor, labels: Tensor, queries: Tensor) -> Tensor:
    """Return the class of each query by the definition, in float64: int64 [Q]."""
    wide, found = bank.double(), []
    for some in queries.double().split(QUERIES_AT_ONCE):
        similarities, rows = (some @ wide.T).topk(K, dim=1)
        weights = (similarities / TEMPERATURE).exp()
        votes = torch.zeros(len(some), int(labels.max()) + 1, dtype=torch.float64)
        found.append(votes.scatter_add_(1, labels[rows], weights).argmax(dim=1))
    return torch.cat(found)


def _linear(features: Features) -> dict[str, Any]:
    settings = LinearEvaluation()
    clock = Clock()
    fit = sweep(
        features.train,
        features.test,
        epochs=settings.epochs,
        batch_size=batch_size_for(len(features.train[0]), settings),
        validation_share=settings.validation_share,
        seed=settings.seed,
    )
    took = clock.read(f"linear sweep, {len(SWEEP)} settings")
    reference = _logistic_regression(features, settings)
    return {
        **took,
        "linear accuracy, %": 100 * fit.test_accuracy,
        "chosen": str(fit.chosen),
        **reference,
        "points above scikit-learn": 100 * fit.test_accuracy - reference["scikit-learn accuracy, %"],
    }


def _logistic_regression(features: Features, settings: LinearEvaluation) -> dict[str, Any]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    (x, y), test = features.train, [t.numpy() for t in features.test]
    fitted, kept = validation_split(y, settings.validation_share, settings.seed)

    def fit(c: float, rows: Tensor) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # reaching max_iter: more iterations hardly matter
            model = make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=300))
            return model.fit(x[rows].numpy(), y[rows].numpy())

    clock = Clock()
    by_c = {c: float(fit(c, fitted).score(x[kept].numpy(), y[kept].numpy())) for c in CS}
    best = max(by_c, key=lambda c: by_c[c])
    accuracy = float(fit(best, torch.arange(len(x))).score(*test))
    return {
        "scikit-learn accuracy, %": 100 * accuracy,
        "scikit-learn, chosen C": best,
        **clock.read(f"scikit-learn, {len(CS)} C"),
    }
