"""How soon is a map there, how soon is it there again, and how soon does the worker let go of it?"""

from __future__ import annotations

import io
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

from simsiam_core.bench.made_up import encoded, own_cache
from simsiam_core.features import inspection, maps
from simsiam_core.features.maps import MapSettings
from simsiam_core.features.worker import InspectionWorker, Task
from simsiam_core.runs import RunStore

CHECKPOINT = "epoch=0000"
UPLOADS = 20


def measure(points: int = 10_000, umap: bool = True) -> dict[str, Any]:
    """Seconds from request to answer in the two workers that the page has: for short questions, and for long ones."""
    with tempfile.TemporaryDirectory() as name, own_cache(Path(name) / "cache"):
        folder = Path(name)
        run = encoded(RunStore(folder / "runs"), folder / "pictures", points)
        with InspectionWorker() as short, InspectionWorker() as long:
            figures: dict[str, Any] = {"points": points}
            if umap:
                figures["umap imported and compiled after, s"] = _seconds(long.submit(maps.warm_up))
            for worker in (short, long):
                worker.submit(inspection.prepare, run.path, CHECKPOINT, "train").result()
            pca = MapSettings(method="pca", sample=points)
            figures["PCA, s"] = _seconds(short.submit(maps.draw_map, run.path, CHECKPOINT, pca))
            wished = MapSettings(sample=points) if umap else pca
            if umap:
                figures["UMAP, s"] = _seconds(long.submit(maps.draw_map, run.path, CHECKPOINT, wished))
                third = MapSettings(sample=points, dimensions=3)
                figures["UMAP in 3D, s"] = _seconds(long.submit(maps.draw_map, run.path, CHECKPOINT, third))
            again = short.submit(maps.cached_map, run.path, CHECKPOINT, wished)
            figures["the same map again, ms"] = 1000 * _seconds(again)
            figures |= _placing(short, run.path, wished)
            if umap:
                figures |= _cancelling(long, run.path, points)
            return figures


def _placing(worker: InspectionWorker, run_path: Path, settings: MapSettings) -> dict[str, float]:
    """From the bytes of a picture to its place and its neighbours."""
    times = []
    for i in range(UPLOADS + 1):
        picture = io.BytesIO()
        pixels = np.random.default_rng(i).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(picture, format="png")
        content = picture.getvalue()
        times.append(1000 * _seconds(worker.submit(maps.place, run_path, CHECKPOINT, settings, content)))
    warm = sorted(times[1:])
    return {"placing a picture, median ms": median(warm), "placing a picture, slowest ms": warm[-1]}


def _cancelling(worker: InspectionWorker, run_path: Path, points: int) -> dict[str, float]:
    """A UMAP in the midst of its epochs is cancelled."""
    task = worker.submit(maps.draw_map, run_path, CHECKPOINT, MapSettings(sample=points, neighbours=16))
    while not task.progress[1].startswith("UMAP: epoch"):
        time.sleep(0.01)
    started = time.perf_counter()
    task.cancel()
    freed = time.perf_counter() - started
    worker.submit(inspection.ready, run_path, CHECKPOINT, "train").result()
    return {
        "cancelled, its process gone after, s": freed,
        "cancelled, the next answer after, s": time.perf_counter() - started,
    }


def _seconds(task: Task[Any]) -> float:
    started = time.perf_counter()
    task.result()
    return time.perf_counter() - started
