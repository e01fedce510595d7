"""Latency and exactness of neighbour queries, for the search alone and from upload to response."""

from __future__ import annotations

import io
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from simsiam_core.bench.untrained import untrained
from simsiam_core.config import parse, preset
from simsiam_core.features.inspection import prepare
from simsiam_core.features.neighbours import search
from simsiam_core.features.retrieval import Question, neighbours
from simsiam_core.features.worker import InspectionWorker
from simsiam_core.runs import RunStore

TIE = 1e-6  # similarities closer than this count as tied
PIECE = 20_000  # rows of a bank generated, or compared in float64, at a time


def measure(
    rows: int = 50_000, dim: int = 512, k: int = 200, repeats: int = 100, large: int | None = None
) -> dict[str, Any]:
    """Measure exact search in random features, a full query through the worker process, and a bank of `large`
    rows on disk.
    """
    on_disk = _on_disk(large, dim, k) if large else {}  # first, so that the peak memory is its own
    bank = torch.cat(list(_random_rows(rows, dim)))
    queries = next(_random_rows(256, dim, seed=1))
    search(queries[:1], bank, k)  # warm-up: starts threads and allocates memory
    single = [_milliseconds(partial(search, queries[i : i + 1], bank, k)) for i in range(repeats)]
    return {
        "bank": f"{rows:,} × {dim}",
        "k": k,
        "threads": torch.get_num_threads(),
        "one query, median ms": median(single),
        "one query, p95 ms": sorted(single)[int(0.95 * repeats)],
        "256 queries, ms": min(_milliseconds(lambda: search(queries, bank, k)) for _ in range(3)),
        "recall against float64": recall(queries, bank, k),
        **_upload(),
        **on_disk,
    }


def recall(queries: Tensor, bank: Tensor, k: int) -> float:
    """Return the fraction of rows found [Q, k] among the k nearest in float64, up to ties within 1e-6."""
    found = search(queries, bank, k)[1]
    exact, best = queries.double(), torch.empty(len(queries), 0, dtype=torch.float64)
    for piece in bank.split(PIECE):
        best = torch.cat([best, exact @ piece.double().T], dim=1)
        best = best.topk(min(k, best.shape[1]), dim=1).values
    true = torch.stack([bank[rows].double() @ query for rows, query in zip(found, exact, strict=True)])
    distinct = sum(len(rows.unique()) for rows in found)
    return float((true >= best[:, -1:] - TIE).sum()) / best.numel() * distinct / found.numel()


def _on_disk(rows: int, dim: int, k: int) -> dict[str, Any]:
    """Measure one query in a memory-mapped feature bank that would be too large for memory."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bank.float32"
        with path.open("wb") as file:
            for piece in _random_rows(rows, dim):
                file.write(piece.numpy().tobytes())
        bank = torch.from_numpy(np.memmap(path, np.float32, mode="c", shape=(rows, dim)))
        queries = next(_random_rows(10, dim, seed=1))
        times = [_milliseconds(partial(search, queries[i : i + 1], bank, k)) for i in range(10)]
        name = f"one query in {rows:,} × {dim} on disk"
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9  # KiB on Linux
        return {
            f"{name}, first ms": times[0],
            f"{name}, median ms": median(times[1:]),
            f"{name}, slowest ms": max(times[1:]),
            "peak memory, the mapped bank included, GB": peak,
        }


def _upload(repeats: int = 20) -> dict[str, float]:
    """Time a query from the bytes of an image to its neighbours, through the worker, as on the page."""
    image = io.BytesIO()
    Image.effect_noise((640, 480), 60).convert("RGB").save(image, format="jpeg")
    with tempfile.TemporaryDirectory() as folder, InspectionWorker() as worker:
        run = untrained(RunStore(Path(folder)), parse(preset("quick").values))
        images = worker.submit(prepare, run.path, "epoch=0000", "train").result()

        question = Question("train", image.getvalue(), 20, 0.1)

        def ask() -> None:
            worker.submit(neighbours, run.path, "epoch=0000", question).result()

        times = sorted(_milliseconds(ask) for _ in range(repeats))
    return {f"upload to answer, {images:,} images, p95 ms": times[int(0.95 * repeats)]}


def _random_rows(rows: int, dim: int, seed: int = 0) -> Iterator[Tensor]:
    """Yield random unit vectors in chunks of [≤ PIECE, dim]."""
    generator = torch.Generator().manual_seed(seed)
    for start in range(0, rows, PIECE):
        yield F.normalize(torch.randn(min(PIECE, rows - start), dim, generator=generator), dim=1)


def _milliseconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return 1000 * (time.perf_counter() - started)
