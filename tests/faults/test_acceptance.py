"""The parts of the acceptance test that start jobs, with trainers that start quickly."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from simsiam_core.bench.accept.rows import NO_GPU, Place
from simsiam_core.runs import RunDirectory

from .conftest import Trainers, wait_for


@pytest.mark.parametrize("part", ["faults", "multi"])
def test_a_part_passes_on_the_cpu(part: str, trainers: Trainers, tmp_path: Path) -> None:
    def start(run: RunDirectory, _variables: Mapping[str, str]) -> None:
        trainers.start(run)
        wait_for(lambda: run.status().state != "queued")

    check = importlib.import_module(f"simsiam_core.bench.accept.{part}").check
    found = list(check(Place(False, tmp_path, launch=start)))
    assert not [row for row in found if row.passed is False], found
    assert all(row.figure == NO_GPU for row in found if row.passed is None), found
