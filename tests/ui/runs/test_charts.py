"""The charts of Runs: what one bar above them does to all, and the runs beside one another."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tiny import tiny

from simsiam_core.runs import RunDirectory, RunStore, Status
from simsiam_core.ui.live.curves import Curves
from simsiam_core.ui.runs.charts import CHARTS, ENDED_WITHOUT, RAW_OPACITY, Drawn, chart
from simsiam_core.ui.runs.comparison import choices, difference_table, scatter
from simsiam_core.ui.runs.view import ChartView, CompareView, chart_view, compare_view

SPECS = {spec.key: spec for spec in CHARTS}


def drawn(run: RunDirectory, colour: str = "#123456") -> Drawn:
    curves = Curves(run)
    curves.poll()
    return Drawn(run, run.status(), curves, colour)


@pytest.fixture
def run(store: RunStore) -> RunDirectory:
    run = store.create(tiny(training={"batch_size": 20}), Status(state="finished", total_steps=40))
    lines = [
        {"step": step, "epoch": 0, "time": 60.0 * step, "train/loss": -0.5 - step / 1000, "train/lr": 0.1}
        for step in range(1, 41)
    ]
    lines[10]["train/loss"] = 50.0
    lines[-1] |= {"val/knn_accuracy": 0.5}
    run.metrics_path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return run


def traces(run: RunDirectory, key: str, view: ChartView) -> list[dict[str, Any]]:
    return chart(SPECS[key], [drawn(run)], view)["data"]


def test_the_axis_is_that_of_all_charts(run: RunDirectory) -> None:
    ends = {
        axis: traces(run, "loss", ChartView(axis=axis))[0]["x"][-1] for axis in ("step", "minutes", "images")
    }
    assert ends == {"step": 40, "minutes": 39, "images": 800}


def test_a_smoothed_line_has_the_raw_one_faintly_behind_it_and_an_evaluation_is_never_smoothed(
    run: RunDirectory,
) -> None:
    raw, smooth = traces(run, "loss", ChartView(smoothing=0.9))
    assert (raw["opacity"], raw["hoverinfo"]) == (RAW_OPACITY, "skip") and "opacity" not in smooth
    assert max(raw["y"]) == 50 > max(smooth["y"]) and smooth["y"][0] == pytest.approx(raw["y"][0], abs=0.05)
    assert len(traces(run, "knn", ChartView(smoothing=0.9))) == 1


def test_the_scale_is_logarithmic_where_the_values_allow_it(run: RunDirectory) -> None:
    view = ChartView(log=True)
    assert chart(SPECS["lr"], [drawn(run)], view)["layout"]["yaxis"]["type"] == "log"
    assert "type" not in chart(SPECS["loss"], [drawn(run)], view)["layout"]["yaxis"]


def test_outliers_are_left_out_of_the_limits_and_the_x_axis_takes_them(run: RunDirectory) -> None:
    layout = chart(SPECS["loss"], [drawn(run)], ChartView(core=True, start=5, end=20))["layout"]
    assert layout["yaxis"]["range"][1] < 50 and layout["xaxis"]["range"] == [5, 20]


def test_hovering_tells_sorted_values_as_the_metric_writes_them(run: RunDirectory) -> None:
    layout = chart(SPECS["knn"], [drawn(run)], ChartView())["layout"]
    assert (layout["hoversort"], layout["yaxis"]["hoverformat"]) == ("value descending", ".1%")


def test_a_run_keeps_its_colour_and_an_ended_one_awaits_nothing(run: RunDirectory) -> None:
    assert traces(run, "loss", ChartView())[0]["line"]["color"] == "#123456"
    assert chart(SPECS["rank"], [drawn(run)], ChartView())["empty"] == ENDED_WITHOUT
    run.update_status(state="queued")
    assert chart(SPECS["rank"], [drawn(run)], ChartView())["empty"] == SPECS["rank"].waiting


def test_whatever_a_page_asks_for_becomes_a_view() -> None:
    wrong = {"axis": {}, "smoothing": "x", "log": 1, "start": 5, "end": 5, "core": None, "outcome": 3}
    assert chart_view(wrong) == ChartView() and compare_view(wrong) == CompareView()
    assert chart_view({"smoothing": 7, "start": float("nan")}) == ChartView(smoothing=0.99)


def test_runs_are_compared_by_a_setting_in_which_they_differ(store: RunStore, run: RunDirectory) -> None:
    other = store.create(tiny(training={"batch_size": 40}))
    offered = choices(CompareView(setting="nonsense"), [run, other])
    assert (offered["setting"], offered["settings"][0]["differs"]) == ("training.batch_size", True)
    (row,) = difference_table([run, other])["rows"]
    assert [row["cells"][one.id] for one in (run, other)] == ["20", "40"]
    assert difference_table([run])["rows"] == []
    (point,) = scatter([drawn(run), drawn(other)], "training.batch_size", "knn")["data"]
    assert (point["x"], point["y"]) == ([20], [0.5]), "the other has measured nothing"
