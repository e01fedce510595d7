"""The queue without any process: `launch` is replaced by a note of what it was asked to do."""

from __future__ import annotations

import pytest
from pretended import begin, end
from tiny import tiny

from simsiam_core.jobs import enqueue, slots
from simsiam_core.jobs.executors import local
from simsiam_core.jobs.gpus import Gpu
from simsiam_core.runs import RunDirectory, RunStore


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, str]]:
    """Job id -> environment of what was started, in order; such a job counts as running in this very process."""
    started: dict[str, dict[str, str]] = {}

    def launch(run: RunDirectory, variables: dict[str, str] | None = None, command: object = None) -> None:
        started[run.id] = variables or {}
        begin(run)

    monkeypatch.setattr(local, "launch", launch)
    return started


@pytest.fixture
def run(store: RunStore) -> RunDirectory:
    """One that has finished."""
    run = store.create(tiny())
    end(run)
    return run


@pytest.fixture
def three(store: RunStore) -> list[RunDirectory]:
    return enqueue(store, [tiny(name=name) for name in "abc"], group="letters")


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "visible_gpus", lambda: (Gpu("GPU 0", "GPU-a"), Gpu("GPU 3", "GPU-d")))
