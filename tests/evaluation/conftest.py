"""One trained tiny run for all tests of the folder."""

from __future__ import annotations

import pytest
from tiny import tiny

from simsiam_core.runs import RunDirectory, RunStore
from simsiam_core.training.worker import train


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, _own_cache: None) -> RunDirectory:
    run = RunStore(tmp_path_factory.mktemp("evaluation") / "runs").create(tiny())
    assert train(run) == 0
    return run
