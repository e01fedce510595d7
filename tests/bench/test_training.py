from __future__ import annotations

import pytest
from tiny import TINY

from simsiam_core.bench import training


@pytest.mark.timed
def test_figures_of_a_tiny_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "TURN_SECONDS", 0.05)
    figures = training.measure("quick", rounds=3, changes=TINY)
    phases = [value for name, value in figures.items() if name.endswith("% of a step")]
    assert len(phases) == 6
    assert sum(phases) == pytest.approx(100)
    assert all(share > 0 for share in phases)
    assert figures["images a second"] > 0
    assert figures["epoch, s"] * figures["images a second"] == pytest.approx(80)
    assert 0 < figures["share of the matrix product, %"] < 100
    assert figures["ours against a bare loop"] < 1.5
    assert figures["compiled"] is False
