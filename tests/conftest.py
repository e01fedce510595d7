"""What tests of several folders share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import visible_gpus

# Networks here are so small that a second thread only waits for the first, and for other processes' threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["SLURM_CONF"] = os.devnull  # no cluster, also where tests run on one; tests/cluster starts its own
os.environ[visible_gpus.VARIABLE] = ""  # the same figures with and without a GPU, also in processes

# UMAP compiles itself for half a minute: once a checkout, not once a server.
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(__file__).resolve().parents[1] / ".pytest_cache" / "numba"))

from warm import Warm, anew, lend

from simsiam_core import garbage_collection
from simsiam_core.runs import RunStore

garbage_collection.reduce_gc_overhead()


LONGEST_FIRST = (
    "browser",
    "cluster",
    "faults",
    "bench",
    "training",
)  # so that none of these is left to one worker


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the longest folders first."""
    order = {folder: place for place, folder in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: order.get(item.path.parent.name, len(order)))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep the tests of a file together, which share what they start."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduler(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return nodeid.partition("::")[0]

    return Scheduler(config, log)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nothing is read from or left in the user's cache."""
    os.environ["SIMSIAM_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session", autouse=True)
def warm() -> Iterator[Warm]:
    """Starts commands within a fraction of a second, also those that the product starts."""
    started = Warm()
    lend(started.zygote)
    yield started
    started.close()


@pytest.fixture
def started_anew() -> Iterator[None]:
    """Every process starts as it does for people, imports and all."""
    with anew():
        yield


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")
