from __future__ import annotations

import json

import numpy as np
import pytest
from tiny import tiny

from simsiam_core.runs import RunStore
from simsiam_core.ui.live import curves as series_module
from simsiam_core.ui.live.curves import (
    RESOLUTION,
    STRENGTHS_KEPT,
    Curves,
    Series,
    rounded,
    straightened,
    thin,
)


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


def test_a_long_curve_grows_at_its_end_and_keeps_its_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[int] = []
    whole = series_module.thin
    monkeypatch.setattr(series_module, "thin", lambda x, y: (times.append(len(x)), whole(x, y))[1])
    series = series_module.Series()
    for step in range(5000):
        series.append(step, 10.0 * step, float(step % 7))
    for step in range(5000, 5000 + series_module.TAIL_POINTS):
        series.thinned("steps")
        series.append(step, 10.0 * step, 100.0 + step)
    x, y = series.thinned("steps")
    assert times == [5000]
    assert x[-2:].tolist() == [5023.0, 5024.0]
    assert y[-1] == 5124.0
    assert series.thinned("times")[0][-1] == 50240.0
    series.append(5010, 0.0, -1.0)  # a resumed run
    x, y = series.thinned("steps")
    assert (x[-1], y[-1]) == (5010.0, -1.0)
    assert np.all(np.diff(x) > 0)


def test_a_straight_stretch_takes_few_points_and_a_bend_stays() -> None:
    x = np.arange(1000.0)
    y = np.where(x < 500, x, 1000 - x) + 0.1 * np.sin(x)
    kept_x, kept_y = straightened(x, y)
    assert 60 <= len(kept_x) <= 80
    assert np.abs(np.interp(x, kept_x, kept_y) - y).max() <= 2 * RESOLUTION * np.ptp(y)
    noise = np.random.default_rng(0).random(1000)
    assert len(straightened(x, noise)[0]) > 950


def test_rounding_follows_the_span_and_leaves_no_number_out() -> None:
    assert rounded(np.array([-0.98765432, -0.98755432])) == pytest.approx(
        [-0.98765432, -0.98755432], abs=1e-7
    )
    assert rounded(np.array([1.0, 2000.0])) == [1, 2000]
    assert [str(v) for v in rounded(np.array([0.0, np.nan, 1.0]))] == ["0", "nan", "1"]


def test_a_curve_that_did_not_grow_is_not_worked_out_again(store: RunStore) -> None:
    run = store.create(tiny())
    curves = Curves(run)

    def write(**metrics: float) -> None:
        with run.metrics_path.open("a") as file:
            file.write(
                json.dumps({"step": len(curves.series) + 1, "epoch": 0, "time": 1.0, **metrics}) + "\n"
            )
        curves.poll()

    write(a=1.0)
    before, points = curves.lengths(["a"]), curves.points("a", "step", 1)
    write(b=1.0)
    assert curves.lengths(["a"]) == before
    assert curves.points("a", "step", 1) is points
    write(a=2.0)
    assert curves.lengths(["a"]) != before
    assert curves.points("a", "step", 1)[1] == [1, 2]


def test_smoothing_is_an_average_without_bias_that_goes_on_as_the_curve_grows() -> None:
    series, strength = Series(), 0.9
    for step in range(1, 6):
        series.append(step, float(step), 2.0)
    assert series.smoothed(strength).tolist() == pytest.approx([2.0] * 5), "it does not start at 0"
    series.append(6, 6.0, 12.0)
    weights = strength ** np.arange(5, -1, -1)
    expected = float(np.average([2, 2, 2, 2, 2, 12], weights=weights))
    assert series.smoothed(strength)[-1] == pytest.approx(expected)
    assert series.smoothed(0.0) is series.values
    series.append(3, 7.0, 2.0)  # a resumed run went back
    assert series.smoothed(strength).tolist() == pytest.approx([2.0] * 3)
    for index in range(3 * STRENGTHS_KEPT):
        series.thinned("steps", index / 100)
    assert len(series._smooth) <= STRENGTHS_KEPT
