from __future__ import annotations

import json

from tiny import tiny

from simsiam_core.runs import RunDirectory, RunStore
from simsiam_core.ui.glance import Glances
from simsiam_core.ui.runs_table import RunsTable, differences
from simsiam_core.ui.series import CurveCache


def measure(run: RunDirectory, **values: float) -> None:
    with run.metrics_path.open("a") as file:
        file.write(json.dumps({"step": 1, "epoch": 1, "time": 1.0, **values}) + "\n")


def test_only_what_changed_is_made_anew(store: RunStore) -> None:
    first, second = (store.create(tiny(name=name)) for name in ("first", "second"))
    table = RunsTable(Glances(store), CurveCache())
    before = table.lines([first.id])
    assert [line["shown"] for line in before] == [False, True]  # the newest comes first
    measure(second, **{"val/knn_accuracy": 0.5})
    after = table.lines([first.id])
    assert after[1] is before[1]
    assert after[0]["cells"]["knn"] == "50.0%"
    first.write_notes(first.notes().model_copy(update={"tags": ("mine",)}))
    table.forget(first)
    assert table.lines([])[1]["cells"]["tags"] == "mine"
    assert not any(line["shown"] for line in table.lines([]))


def test_settings_that_differ_are_named_with_their_values(store: RunStore) -> None:
    pair = [store.create(tiny(training={"batch_size": size})) for size in (20, 40)]
    (row,) = differences(pair)["rows"]
    assert [row["cells"][run.id] for run in pair] == ["20", "40"]
    assert differences(pair[:1])["rows"] == []
