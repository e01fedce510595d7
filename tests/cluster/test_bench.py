"""Requeues and kills at random moments: nothing is lost, and the curve is that of a run left alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from simsiam_core.bench.cluster import measure
from simsiam_core.jobs.slurm import watch

from .conftest import Cluster

pytestmark = pytest.mark.timeout(600)
DISTURBANCES = int(os.environ.get("SIMSIAM_REQUEUES", "2"))


def test_nothing_is_lost(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(watch, "POLL_SECONDS", 1.0)
    figures = measure(DISTURBANCES)
    print(figures)
    assert figures["equal_to_the_last_bit"]
    assert figures["losses"] > 20
    assert figures["warned"] + figures["requeued"] + figures["killed"] == DISTURBANCES
