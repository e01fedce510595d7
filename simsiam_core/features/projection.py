"""Dimensionality reduction of features to map coordinates (PCA, UMAP) and Procrustes alignment of maps."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor

from simsiam_core.config.cache import compiled_dir
from simsiam_core.data import Progress

EXACT_UP_TO = 20_000  # rows; above this, umap's approximate search is faster than an exact one


def warm_up() -> None:
    """Import and compile umap ahead of time, which takes seconds."""
    points = torch.nn.functional.normalize(torch.randn(64, 8), dim=1)
    nearest = torch.randint(64, (64, 5)), torch.rand(64, 5)
    umap(points, 2, 5, 0.1, "cosine", start=points[:, :2].numpy(), known=nearest, epochs=2)


class PrincipalAxes:
    """A PCA of features [N, d], reduced to the first `dimensions` principal axes."""

    def __init__(self, features: Tensor, dimensions: int) -> None:
        x = features.float()
        self.centre = x.mean(dim=0)
        covariance = (x.T @ x).double() / len(x) - torch.outer(self.centre, self.centre).double()
        axes = torch.linalg.eigh(covariance).eigenvectors.flip(1)[:, :dimensions]  # by descending variance
        largest = axes.gather(0, axes.abs().argmax(dim=0, keepdim=True))
        self.axes = (axes * largest.sign()).float()  # an eigenvector's sign is arbitrary: fix it
        if self.axes.shape[1] < dimensions:  # fewer features than dimensions
            missing = dimensions - self.axes.shape[1]
            self.axes = torch.cat([self.axes, torch.zeros(len(self.axes), missing)], dim=1)

    def place(self, features: Tensor) -> np.ndarray:
        """Project features [N, d] to coordinates, float32 [N, dimensions]."""
        return ((features.float() - self.centre) @ self.axes).numpy()


def umap(
    features: Tensor,
    dimensions: int,
    neighbours: int,
    min_dist: float,
    metric: str,
    *,
    start: np.ndarray,
    known: tuple[Tensor, Tensor] | None = None,
    reproducible: bool = False,
    dense: bool = False,
    epochs: int | None = None,
    progress: Progress | None = None,
) -> np.ndarray:
    """Compute UMAP coordinates float32 [N, dimensions] (McInnes et al. 2018; densMAP: Narayan et al. 2021).

    `start` [N, dimensions] holds the initial positions: PCA, or the neighbouring map in a run. `known` holds
    similarities and rows [N, at least neighbours − 1] of each point's nearest neighbours, itself excluded;
    without it, umap searches approximately. `reproducible` fixes the seed, which limits umap to one thread.
    """
    report = progress or (lambda fraction, text: None)
    report(0.02, "Starting UMAP")
    reducer_class = library().UMAP
    rows = np.array(features)  # a copy: umap might write to its input, the bank's memory map
    neighbours = min(neighbours, len(rows) - 1)
    precomputed: tuple[Any, ...] = (None, None, None)
    if known is not None:
        precomputed = (*_precomputed_knn(features, known, neighbours, metric), None)
    spread = np.abs(start - start.mean(axis=0)).max() or 1.0
    begin = (10 * (start - start.mean(axis=0)) / spread).astype(np.float32)
    noise = np.random.default_rng(0).normal(scale=1e-3, size=begin.shape)  # separates identical points
    reducer = reducer_class(
        n_components=dimensions,
        n_neighbors=neighbours,
        min_dist=min_dist,
        metric=metric,
        init=begin + noise.astype(np.float32),
        n_epochs=epochs,
        random_state=0 if reproducible else None,
        n_jobs=1 if reproducible else -1,
        densmap=dense,
        precomputed_knn=precomputed,
        force_approximation_algorithm=True,
        low_memory=False,
        tqdm_kwds={"disable": False, "file": _Epochs(report), "bar_format": "{n_fmt} {total_fmt}\n"},
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # umap warns about settings that are intended here
        return reducer.fit_transform(rows).astype(np.float32)


def library() -> Any:
    """Import umap, which takes seconds, and return it. Its compiled code is kept in the cache folder."""
    os.environ.setdefault("NUMBA_CACHE_DIR", str(compiled_dir()))
    import umap as library_module

    return library_module


def _precomputed_knn(features: Tensor, known: tuple[Tensor, Tensor], k: int, metric: str) -> tuple[Any, Any]:
    """Return rows and distances of each point's k nearest neighbours, itself first, at distance 0."""
    similarities, rows = known
    similarities, rows = similarities[:, : k - 1], rows[:, : k - 1]
    distances = (1 - similarities).clamp(min=0)
    if metric == "euclidean":
        distances = (2 * distances).sqrt()  # for unit vectors
    own = torch.arange(len(features))[:, None]
    rows, distances = torch.cat([own, rows], dim=1), torch.cat([torch.zeros(len(own), 1), distances], dim=1)
    return rows.numpy().astype(np.int32), distances.numpy()


class _Epochs:
    """A file object that parses the "done total" lines of umap's progress bar and reports progress."""

    def __init__(self, report: Progress) -> None:
        self._report = report

    def write(self, text: str) -> None:
        parts = text.split()
        if len(parts) == 2 and all(part.isdigit() for part in parts) and int(parts[1]):
            done, total = map(int, parts)
            self._report(0.3 + 0.7 * done / total, f"UMAP: epoch {done} of {total}")

    def flush(self) -> None:
        """Do nothing; writes are not buffered."""


def procrustes(moving: np.ndarray, fixed: np.ndarray) -> np.ndarray:
    """Align `moving` [N, D] to `fixed` [N, D] by translation, rotation, reflection and uniform scaling.

    Least-squares fit by orthogonal Procrustes analysis (Schönemann 1966); shapes are preserved.
    """
    centre = fixed.mean(axis=0)
    a, b = moving - moving.mean(axis=0), fixed - centre
    u, singular, v = np.linalg.svd(a.T.astype(np.float64) @ b.astype(np.float64))
    scale = singular.sum() / max(float((a**2).sum()), 1e-12)
    return (scale * (a @ (u @ v)) + centre).astype(np.float32)


def place_among_neighbours(
    coordinates: np.ndarray, similarities: np.ndarray, temperature: float
) -> np.ndarray:
    """Return the position [D] of a new point: the weighted mean of its neighbours' `coordinates` [k, D].

    Weights are exp(similarity / temperature), as in the kNN vote.
    """
    weights = np.exp((similarities - similarities.max()) / temperature)
    return (weights @ coordinates / weights.sum()).astype(np.float32)
