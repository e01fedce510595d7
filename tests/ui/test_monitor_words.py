from __future__ import annotations

import pytest
from tiny import tiny

from simsiam_core.runs import Collapse, Recent, RunStore
from simsiam_core.ui.monitor_charts import CHARTS
from simsiam_core.ui.monitor_words import heading
from simsiam_core.ui.series import Curves


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


def test_the_charts_and_their_axes_come_from_the_registry() -> None:
    assert [spec.key for spec in CHARTS] == ["loss", "knn", "lr", "std", "rank"]
    axes = {spec.key: dict(spec.y_axis) for spec in CHARTS}
    assert axes["std"] == {"range": [0, 1.1]}
    assert axes["lr"] == axes["rank"] == {"rangemode": "tozero"}
    assert axes["loss"] == {}
    assert axes["knn"]["tickformat"] == ".1~%"
