"""2-D and 3-D maps (PCA, UMAP) of a split's features: plain data in, plain data out, like `inspection`.

Torch is imported inside the functions, so that a server that only submits them does not import it.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from simsiam_core.config import ConfigError
from simsiam_core.features.map_settings import MapSettings
from simsiam_core.features.shipped_map import shipped_map
from simsiam_core.runs import RunDirectory

if TYPE_CHECKING:
    from torch import Tensor

    from simsiam_core.data import Progress
    from simsiam_core.data.image_file import Region
    from simsiam_core.features.sample import Sample

VOTERS = 20
TEMPERATURE = 0.1
PLACED_AMONG = 10  # neighbours whose coordinates determine the position of a new image
REPLACED = "This map is of a checkpoint that training has replaced since. Draw the map of the new one."
EPOCHS_FROM_A_MAP = 150  # UMAP epochs when initialised from another map


@dataclass(frozen=True, eq=False)
class Map:
    """A map of N points out of `total` images. `labels` index `classes`; None without labels.

    `unseen` counts the classes that have images but none in the sample (smaller than the number of classes).
    `key` names checkpoint, images and sample by what they contain: `last` is another checkpoint once training has
    replaced it.
    """

    ids: tuple[str, ...]
    coordinates: np.ndarray  # float32 [N, 2 or 3]
    labels: np.ndarray | None  # int16 [N]
    classes: tuple[str, ...]
    total: int
    settings: MapSettings
    checkpoint: str
    seconds: float
    cached: bool
    unseen: int = 0
    key: str = ""


@dataclass(frozen=True, eq=False)
class Facts:
    """Neighbour statistics of each of N points; no predictions without labels."""

    density: np.ndarray  # float32 [N]: mean similarity to the nearest neighbours
    predictions: np.ndarray | None  # int16 [N]: kNN prediction, excluding the point itself
    confidence: np.ndarray | None  # float32 [N]: the predicted class's share of the vote


@dataclass(frozen=True, eq=False)
class Placement:
    """The position of an image on a map, and its nearest neighbours in feature space."""

    coordinates: np.ndarray  # float32 [2 or 3]
    ids: tuple[str, ...]
    rows: tuple[int, ...]  # of these neighbours on the map
    similarities: tuple[float, ...]
    how: str
    seconds: float


def draw_map(run_path: Path, checkpoint: str, settings: MapSettings, progress: Progress | None = None) -> Map:
    """Return the map of a sample of a split, computed and cached on a miss."""
    from simsiam_core.features import sample

    started = time.perf_counter()
    run = RunDirectory(run_path)
    points = sample.sampled(run, checkpoint, settings.split, settings.sample, progress)
    path = _file(points, settings)
    coordinates = _read(path, points, settings)
    cached = coordinates is not None
    if coordinates is None:
        coordinates = _project(points, settings, None, progress)
        sample.save_arrays(path, coordinates=coordinates)
    return _map(points, checkpoint, settings, coordinates, time.perf_counter() - started, cached)


def cached_map(
    run_path: Path, checkpoint: str, settings: MapSettings, progress: Progress | None = None
) -> Map | None:
    """Return the map if it is cached, else None."""
    from simsiam_core.features import sample

    started = time.perf_counter()
    points = sample.sampled(RunDirectory(run_path), checkpoint, settings.split, settings.sample, progress)
    coordinates = _read(_file(points, settings), points, settings)
    if coordinates is None:
        return None
    return _map(points, checkpoint, settings, coordinates, time.perf_counter() - started, True)


def facts(run_path: Path, checkpoint: str, settings: MapSettings, progress: Progress | None = None) -> Facts:
    """Return neighbour statistics of a map's points; they do not depend on the projection settings."""
    from simsiam_core.features import sample
    from simsiam_core.features.neighbours import vote

    points = sample.sampled(RunDirectory(run_path), checkpoint, settings.split, settings.sample, progress)
    similarities, nearest = points.neighbours(VOTERS, progress)
    density = similarities.mean(dim=1).numpy()
    if points.labels is None:
        return Facts(density, None, None)
    scores = vote(similarities, points.labels[nearest], len(points.bank.classes), TEMPERATURE)
    best = scores.max(dim=1)
    confidence = (best.values / scores.sum(dim=1)).numpy()
    return Facts(density, best.indices.numpy().astype(np.int16), confidence)


def place(
    run_path: Path,
    checkpoint: str,
    settings: MapSettings,
    query: bytes | str,
    k: int = PLACED_AMONG,
    region: Region | None = None,
    on: tuple[str, np.ndarray] | None = None,
    progress: Progress | None = None,
) -> Placement:
    """Return the position of an image (file content, or an id of the run's data) on a map.

    On a PCA map it is projected onto the same axes; on a UMAP map it is placed among its neighbours. An
    image that is already a point of the map keeps its position. `on` is the `key` and the coordinates of a map
    that was drawn; without it the map is drawn if it is not cached. Raises ConfigError if the checkpoint has
    been replaced since, whose features have no place on that map.
    """
    from simsiam_core.features import retrieval, sample
    from simsiam_core.features.neighbours import nearest

    started = time.perf_counter()
    run = RunDirectory(run_path)
    points = sample.sampled(run, checkpoint, settings.split, settings.sample, progress)
    if on is None:
        coordinates = draw_map(run_path, checkpoint, settings, progress).coordinates
    elif on[0] == points.key:
        coordinates = on[1]
    else:
        raise ConfigError.at("map", REPLACED)
    feature = retrieval.encode_query(run, checkpoint, settings.split, query, region)
    own = points.position.get(query, -1) if isinstance(query, str) and region is None else -1
    k = max(1, min(k, len(points) - 1))
    similarities, rows = nearest(feature, points.features, k + 1)
    others = rows[0] != own
    near, alike = rows[0][others][:k].numpy(), similarities[0][others][:k].numpy()
    if own >= 0:
        where, how = coordinates[own], "It is a point of this map."
    else:
        where, how = _position(points, settings, coordinates, feature, near, alike)
    ids = tuple(points.ids[row] for row in near.tolist())
    seconds = time.perf_counter() - started
    return Placement(where, ids, tuple(near.tolist()), tuple(alike.tolist()), how, seconds)


def _position(
    points: Sample,
    settings: MapSettings,
    coordinates: np.ndarray,
    feature: Tensor,
    near: np.ndarray,
    alike: np.ndarray,
) -> tuple[np.ndarray, str]:
    """Return where a new image belongs, and how that was found; a turned PCA map no longer has its own axes."""
    from simsiam_core.features import projection

    if settings.method == "pca":
        axes = projection.PrincipalAxes(points.features, settings.dimensions)
        if np.allclose(axes.place(points.features[near]), coordinates[near], atol=1e-4):
            return axes.place(feature)[0], "Projected on the map's own axes."
    where = projection.place_among_neighbours(coordinates[near], alike, TEMPERATURE)
    return where, f"Placed among its {len(near)} nearest points, the nearest weighing most."


def through_training(
    run_path: Path, settings: MapSettings, progress: Progress | None = None
) -> tuple[Map, ...]:
    """Return the maps of all checkpoints of a run, each initialised from the following one and aligned to it.

    They are computed from the last checkpoint backwards, so that the most informative map is unconstrained.
    """
    from simsiam_core.features import projection, sample

    run = RunDirectory(run_path)
    names = [c.name for c in run.checkpoints() if c.name != "last"] or [run.checkpoint().name]
    maps: list[Map] = []
    before: np.ndarray | None = None
    chain = ""
    for index, name in enumerate(reversed(names)):

        def report(fraction: float, text: str, index: int = index) -> None:
            if progress is not None:
                progress((index + fraction) / len(names), f"Map {index + 1} of {len(names)}. {text}")

        points = sample.sampled(run, name, settings.split, settings.sample, report)
        path = _file(points, settings)
        chain = sample.hash_of(chain, path.name)
        path = path.with_name(f"{chain}-aligned.npz") if index else path  # the first is an ordinary map
        coordinates = _read(path, points, settings)
        cached = coordinates is not None
        if coordinates is None:
            coordinates = _project(points, settings, before, report)
            if before is not None:
                coordinates = projection.procrustes(coordinates, before)
            sample.save_arrays(path, coordinates=coordinates)
        before = coordinates
        maps.append(_map(points, name, settings, coordinates, 0.0, cached))
    return tuple(reversed(maps))


def _project(
    points: Sample, settings: MapSettings, start: np.ndarray | None, progress: Progress | None
) -> np.ndarray:
    from simsiam_core.features import projection

    flat = projection.PrincipalAxes(points.features, settings.dimensions).place(points.features)
    if settings.method == "pca":
        return flat
    known = points.known_neighbours(settings.neighbours)
    if settings.metric == "manhattan":
        known = None
    elif known is None and len(points) <= projection.EXACT_UP_TO:
        known = points.neighbours(settings.neighbours, progress)
    return projection.umap(
        points.features,
        settings.dimensions,
        settings.neighbours,
        settings.min_dist,
        settings.metric,
        start=flat if start is None else start,
        known=known,
        reproducible=settings.reproducible,
        dense=settings.dense,
        epochs=None if start is None else EPOCHS_FROM_A_MAP,
        progress=progress,
    )


def _map(
    points: Sample,
    checkpoint: str,
    settings: MapSettings,
    coordinates: np.ndarray,
    seconds: float,
    cached: bool,
) -> Map:
    labels = None if points.labels is None else points.labels.numpy().astype(np.int16)
    classes, total = points.bank.classes, len(points.bank)
    return Map(
        points.ids,
        coordinates,
        labels,
        classes,
        total,
        settings,
        checkpoint,
        seconds,
        cached,
        points.unseen,
        points.key,
    )


def _file(points: Sample, settings: MapSettings) -> Path:
    """Return the cache path of a map's coordinates; for PCA it does not depend on the UMAP settings."""
    from simsiam_core.features.sample import hash_of

    values = asdict(settings)
    if settings.method == "pca":
        values = {"method": "pca", "dimensions": settings.dimensions}
    return points.folder / f"{hash_of(points.key, sorted(values.items()))}-map.npz"


def _read(path: Path, points: Sample, settings: MapSettings) -> np.ndarray | None:
    from simsiam_core.features.sample import load_arrays

    coordinates = (load_arrays(path) or {}).get("coordinates")
    if coordinates is None and settings == MapSettings():
        coordinates = shipped_map(RunDirectory(points.folder.parent))
    fits = coordinates is not None and coordinates.shape == (len(points), settings.dimensions)
    return coordinates if fits else None
