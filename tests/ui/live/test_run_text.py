from __future__ import annotations

import pytest
from tiny import tiny

from simsiam_core.runs import Collapse, Recent, RunStore
from simsiam_core.runs.imported import IMPORTED
from simsiam_core.runs.verdict import Verdict
from simsiam_core.ui.live.curves import Curves
from simsiam_core.ui.live.run_text import NEXT_OF_A_GOOD_ONE, detail, heading
from simsiam_core.ui.runs.charts import CHARTS, TRAINED_ELSEWHERE, Drawn, chart
from simsiam_core.ui.runs.columns import row
from simsiam_core.ui.runs.view import ChartView


@pytest.mark.parametrize(
    ("collapse", "warned"),
    [
        (None, False),
        (Collapse(since=5, step=24, std=0.1), False),
        (Collapse(since=5, step=25, std=0.1), True),
        (Collapse(step=26, std=0.9), False),
    ],
)
def test_the_heading_warns_as_long_as_a_run_is_judged_collapsed(
    store: RunStore, collapse: Collapse | None, warned: bool
) -> None:
    run = store.create(tiny())
    text = heading(run, run.status(), Recent(), Curves(run), collapse)
    assert ('id="monitor-collapse"' in text) is warned
    assert ("std is 10% of a healthy value since step 5" in text) is warned


def test_a_run_that_has_ended_is_judged_in_words_with_the_next_step(store: RunStore) -> None:
    run = store.create(tiny())
    bad = Verdict("bad", "Below raw pixels: kNN 42.9%.", "Train longer.")
    text = heading(run, run.status(), Recent(), Curves(run), judged=bad)
    assert 'data-level="bad"' in text and "Below raw pixels" in text and "Train longer." in text
    assert NEXT_OF_A_GOOD_ONE in heading(
        run, run.status(), Recent(), Curves(run), judged=Verdict("good", "Better <b>.")
    )
    assert "run-verdict" not in heading(run, run.status(), Recent(), Curves(run))


def test_the_charts_and_their_axes_come_from_the_registry() -> None:
    assert [spec.key for spec in CHARTS] == ["loss", "knn", "lr", "std", "rank", "speed", "cpu", "memory"]
    axes = {spec.key: dict(spec.y_axis) for spec in CHARTS}
    formats = {key: axis.pop("hoverformat") for key, axis in axes.items()}
    assert (formats["std"], formats["knn"], formats["speed"]) == (".2f", ".1%", ",.0f")
    assert axes["std"] == {"range": [0, 1.1]}
    assert axes["lr"] == axes["rank"] == {"rangemode": "tozero"}
    assert axes["loss"] == {}
    assert axes["knn"]["tickformat"] == ".1~%"


def test_an_imported_run_tells_no_training_of_this_program(store: RunStore) -> None:
    """It read "SimSiam, epoch 1.0 of 1, took 0 s", promised first values and had a learning rate."""
    run = store.create(tiny())
    assert "SimSiam" in heading(run, run.status(), Recent(), Curves(run))
    (run.path / IMPORTED).write_text('{"files": []}')
    status, curves = run.status(), {run.id: Curves(run)}
    text = heading(run, status, Recent(), curves[run.id])
    assert "trained elsewhere" in text and "SimSiam" not in text and "epoch" not in text
    assert "took" not in detail(run, status, Recent())
    drawn = chart(CHARTS[0], [Drawn(run, status, curves[run.id], "#000")], ChartView())
    assert TRAINED_ELSEWHERE in str(drawn) and CHARTS[0].waiting not in str(drawn)
    cells = row(run, status, Recent()).cells
    assert cells["backbone"] and not cells["lr"] + cells["epochs"] + cells["batch"] + cells["seed"]
