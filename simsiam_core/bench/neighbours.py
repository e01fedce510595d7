"""How long does a neighbour query take, in the search alone and from upload to answer?"""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
from PIL import Image
from torch.nn import functional as F

from simsiam_core.bench.untrained import untrained
from simsiam_core.config import parse, preset
from simsiam_core.features.inspection import neighbours, prepare
from simsiam_core.features.neighbours import search
from simsiam_core.features.worker import InspectionWorker
from simsiam_core.runs import RunStore


def measure(rows: int = 50_000, dim: int = 512, k: int = 200, repeats: int = 100) -> dict[str, Any]:
    """Times in milliseconds: exact search in random features, and a whole question to the worker process."""
    generator = torch.Generator().manual_seed(0)
    bank = F.normalize(torch.randn(rows, dim, generator=generator), dim=1)
    queries = F.normalize(torch.randn(256, dim, generator=generator), dim=1)
    search(queries[:1], bank, k)  # the first call starts threads and sets memory aside
    single = [_milliseconds(partial(search, queries[i : i + 1], bank, k)) for i in range(repeats)]
    return {
        "bank": f"{rows:,} × {dim}",
        "k": k,
        "threads": torch.get_num_threads(),
        "one query, median ms": median(single),
        "one query, p95 ms": sorted(single)[int(0.95 * repeats)],
        "256 queries, ms": min(_milliseconds(lambda: search(queries, bank, k)) for _ in range(3)),
        **_upload(),
    }


def _upload(repeats: int = 20) -> dict[str, float]:
    """From the bytes of a picture to its neighbours, through the worker, as the page asks."""
    picture = io.BytesIO()
    Image.effect_noise((640, 480), 60).convert("RGB").save(picture, format="jpeg")
    with tempfile.TemporaryDirectory() as folder, InspectionWorker() as worker:
        run = untrained(RunStore(Path(folder)), parse(preset("quick").values))
        images = worker.submit(prepare, run.path, "epoch=0000", "train").result()

        def ask() -> None:
            worker.submit(neighbours, run.path, "epoch=0000", "train", picture.getvalue(), 20, 0.1).result()

        times = sorted(_milliseconds(ask) for _ in range(repeats))
    return {f"upload to answer, {images:,} images, p95 ms": times[int(0.95 * repeats)]}


def _milliseconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return 1000 * (time.perf_counter() - started)
