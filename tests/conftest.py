"""What tests of several folders share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import visible_gpus

# Networks here are so small that a second thread only waits for the first, and for other processes' threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ[visible_gpus.VARIABLE] = ""  # the same figures with and without a GPU, also in processes

# UMAP compiles itself for half a minute: once a checkout, not once a server.
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(__file__).resolve().parents[1] / ".pytest_cache" / "numba"))

from warm import Warm

from simsiam_core import garbage_collection
from simsiam_core.runs import RunStore

garbage_collection.reduce_gc_overhead()


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nothing is read from or left in the user's cache."""
    os.environ["SIMSIAM_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    """Starts commands within a fraction of a second."""
    started = Warm()
    yield started
    started.close()


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")
