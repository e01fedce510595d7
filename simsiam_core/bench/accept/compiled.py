"""Checks that compiled training equals eager training: equal losses, each graph compiled once."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import torch

from simsiam_core.bench.accept.rows import NO_TIME, Place, Row, skipped
from simsiam_core.bench.accept.training import fit, furthest, methods, small
from simsiam_core.training.compilation import BACKEND_VARIABLE

STEPS = 5  # into the second epoch, past the kNN check at the end of the first
LIMIT = 1e-4  # difference of a loss


def check(place: Place) -> Iterator[Row]:
    """Check every method with torch.compile's default backend; on a CPU only tracing, each graph once."""
    longest = 0.0
    for name, method in methods(by_graph=not place.gpu).items():
        if longest > place.left:
            yield from skipped([name], NO_TIME)
            continue
        began = time.monotonic()
        yield compared(place, name, method, "inductor" if place.gpu else "aot_eager")
        longest = max(longest, time.monotonic() - began)


def compared(place: Place, name: str, changes: dict[str, Any], backend: str) -> Row:
    """Train one method compiled and eager, and compare the losses."""
    settings = {"precision": "32-true", "epochs": 2}
    expected = fit(
        small(place, {"training": {**settings, "compile": "never"}}, method=changes), STEPS, knn=True
    )
    with _backend(backend):
        config = small(place, {"training": {**settings, "compile": "always"}}, method=changes)
        found = fit(config, STEPS, knn=True)
        graphs, breaks = _counted()
    method = found.module.objective.method
    apart, wanted = furthest(found.losses, expected.losses), 1 + method.rotates + method.target_passes
    passed = found.module.compiled is True and apart <= LIMIT and graphs == wanted and not breaks
    figure = f"{apart:.1e}, {graphs} graph{'s' * (graphs != 1)}, {breaks} breaks"
    return Row(
        f"{name}, {backend}",
        passed,
        figure if found.module.compiled else "it could not be compiled",
        f"≤ {LIMIT:g}, {wanted} graph{'s' * (wanted != 1)}, 0 breaks",
    )


@contextlib.contextmanager
def _backend(name: str) -> Iterator[None]:
    """Compile with that backend, without cached graphs, within the block."""
    from torch._dynamo.utils import counters

    torch.compiler.reset()
    counters.clear()
    with patch.dict(os.environ, {BACKEND_VARIABLE: name}):
        yield
    torch.compiler.reset()


def _counted() -> tuple[int, int]:
    """Return the numbers of compiled graphs and of graph breaks since `_backend` was entered."""
    from torch._dynamo.utils import counters

    return int(counters["stats"]["unique_graphs"]), sum(counters["graph_break"].values())
