"""A trained tiny run for each file of the folder: trained once, copied, so that no file finds results of another."""

from __future__ import annotations

import shutil

import pytest
from tiny import tiny

from simsiam_core.runs import RunDirectory, RunStore
from simsiam_core.training.worker import train


@pytest.fixture(scope="session")
def _trained_once(tmp_path_factory: pytest.TempPathFactory, _own_cache: None) -> RunDirectory:
    run = RunStore(tmp_path_factory.mktemp("trained") / "runs").create(tiny())
    assert train(run) == 0
    return run


@pytest.fixture(scope="module")
def trained(_trained_once: RunDirectory, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    store = RunStore(tmp_path_factory.mktemp("evaluation") / "runs")
    shutil.copytree(_trained_once.path, store.path / _trained_once.id)
    return store.get(_trained_once.id)
