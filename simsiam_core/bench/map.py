"""Latency of maps: the first computation, a cached map, and cancelling one in the worker."""

from __future__ import annotations

import io
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

from simsiam_core.bench.synthetic import CHECKPOINT, encoded, own_cache
from simsiam_core.features import inspection, maps
from simsiam_core.features.map_settings import MapSettings
from simsiam_core.features.worker import InspectionWorker, Task
from simsiam_core.runs import RunStore

UPLOADS = 20


def measure(points: int = 10_000, umap: bool = True) -> dict[str, Any]:
    """Measure the seconds from request to response in two of the page's workers: short queries, and UMAP."""
    with tempfile.TemporaryDirectory() as name, own_cache(Path(name) / "cache"), InspectionWorker() as short:
        folder = Path(name)
        run = encoded(RunStore(folder / "runs"), folder / "images", points)
        short.submit(inspection.prepare, run.path, CHECKPOINT, "train").result()
        pca = MapSettings(method="pca", sample=points)
        figures: dict[str, Any] = {"points": points}
        figures["PCA, s"] = _seconds(short.submit(maps.draw_map, run.path, CHECKPOINT, pca))
        wished = MapSettings(sample=points) if umap else pca
        if umap:
            figures |= _by_umap(run.path, wished)
        again = short.submit(maps.cached_map, run.path, CHECKPOINT, wished)
        figures["the same map again, ms"] = 1000 * _seconds(again)
        return figures | _placing(short, run.path, wished)


def _by_umap(run_path: Path, wished: MapSettings) -> dict[str, float]:
    """Time UMAP from a cold start; then cancel one during its epochs and time the next response."""
    started = time.perf_counter()
    with InspectionWorker("simsiam_core.features.projection:warm_up") as mapper:
        mapper.submit(inspection.prepare, run_path, CHECKPOINT, "train").result()
        figures = {"umap imported and compiled after, s": time.perf_counter() - started}
        figures["UMAP, s"] = _seconds(mapper.submit(maps.draw_map, run_path, CHECKPOINT, wished))
        third = replace(wished, dimensions=3)
        figures["UMAP in 3D, s"] = _seconds(mapper.submit(maps.draw_map, run_path, CHECKPOINT, third))
        task = mapper.submit(maps.draw_map, run_path, CHECKPOINT, replace(wished, neighbours=16))
        while not task.progress[1].startswith("UMAP: epoch"):
            time.sleep(0.01)
        started = time.perf_counter()
        task.cancel()
        figures["cancelled, its process gone after, s"] = time.perf_counter() - started
        mapper.submit(inspection.is_encoded, run_path, CHECKPOINT, "train").result()
        figures["cancelled, the next answer after, s"] = time.perf_counter() - started
        return figures


def _placing(worker: InspectionWorker, run_path: Path, settings: MapSettings) -> dict[str, float]:
    """Time placing an image, from its bytes to its coordinates and neighbours."""
    times = []
    for i in range(UPLOADS + 1):
        image = io.BytesIO()
        pixels = np.random.default_rng(i).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(image, format="png")
        content = image.getvalue()
        times.append(1000 * _seconds(worker.submit(maps.place, run_path, CHECKPOINT, settings, content)))
    warm = sorted(times[1:])
    return {"placing an image, median ms": median(warm), "placing an image, slowest ms": warm[-1]}


def _seconds(task: Task[Any]) -> float:
    started = time.perf_counter()
    task.result()
    return time.perf_counter() - started
