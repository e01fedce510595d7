from __future__ import annotations

import json

import numpy as np
import pytest
from tiny import tiny

from simsiam_core.runs import RunStore
from simsiam_core.ui.series import Curves, thin


def test_thinning_keeps_ends_and_spikes_in_order() -> None:
    x, y = np.arange(100_000.0), np.zeros(100_000)
    y[[12_345, 70_001]] = 9, -9
    kept_x, kept_y = thin(x, y, columns=100)
    assert len(kept_x) <= 202
    assert kept_x[0] == 0
    assert kept_x[-1] == 99_999
    assert np.all(np.diff(kept_x) > 0)
    assert kept_y[kept_x == 12_345] == 9
    assert kept_y[kept_x == 70_001] == -9


def test_a_short_series_and_one_without_width_stay_whole() -> None:
    x, y = np.arange(200.0), np.arange(200.0)
    assert thin(x, y, columns=100)[0] is x
    kept_x, kept_y = thin(np.ones(1000), np.arange(1000.0), columns=10)
    assert kept_y.tolist() == [0, 999]
    assert kept_x.tolist() == [1, 1]


def test_curves_grow_with_the_file_and_follow_a_resumed_run(store: RunStore) -> None:
    run = store.create(tiny())

    def write(*steps: int) -> None:
        with run.metrics_path.open("a") as file:
            for step in steps:
                line = {"step": step, "epoch": 0, "time": 100.0 + 60 * step, "train/loss": -step / 10}
                file.write(json.dumps(line) + "\n")

    curves = Curves(run)
    curves.poll()
    assert curves.points("train/loss", "step", 1) == ([], [])
    write(1, 2, 3, 4)
    curves.poll()
    version = curves.version
    assert curves.points("train/loss", "step", 4)[0] == [1, 2, 3, 4]
    assert curves.points("train/loss", "epoch", 4)[0] == [0.25, 0.5, 0.75, 1]
    assert curves.points("train/loss", "minutes", 4)[0] == pytest.approx([0, 1, 2, 3])
    write(3)  # resumed after step 2
    curves.poll()
    assert curves.version > version
    assert curves.points("train/loss", "step", 1)[0] == [1, 2, 3]
    assert curves.latest("train/loss") == -0.3
