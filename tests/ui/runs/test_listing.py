"""The list of runs: what passes a filter, in which order, in pages; and what is read of a run only once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tiny import tiny

from simsiam_core.runs import Notes, RunDirectory, RunStore, Status
from simsiam_core.ui.live import snapshot as snapshot_module
from simsiam_core.ui.live.snapshot import Snapshots
from simsiam_core.ui.runs import index as index_module
from simsiam_core.ui.runs.filter import FilterError, read_filter
from simsiam_core.ui.runs.index import RunIndex
from simsiam_core.ui.runs.listing import list_part, listing
from simsiam_core.ui.runs.view import PAGE_ROWS, ListView, list_view


@pytest.fixture
def snapshots(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> Snapshots:
    monkeypatch.setattr(snapshot_module, "FRESH_SECONDS", -1.0)
    return Snapshots(store)


def measure(run: RunDirectory, **values: float) -> None:
    with run.metrics_path.open("a") as file:
        file.write(json.dumps({"step": 1, "epoch": 1, "time": 1.0, **values}) + "\n")


def make(store: RunStore, name: str, accuracy: float | None = None, **changes: Any) -> RunDirectory:
    run = store.create(tiny(name=name, **changes), Status(state="finished"))
    if accuracy is not None:
        measure(run, **{"val/knn_accuracy": accuracy})
    return run


@pytest.fixture
def four(store: RunStore) -> list[RunDirectory]:
    runs = [
        make(store, "alfa", 0.30, training={"batch_size": 20}),
        make(store, "bravo", 0.55, training={"batch_size": 40}),
        make(store, "charlie"),
        make(store, "delta", 0.42, model={"stop_gradient": False}),
    ]
    runs[1].write_notes(Notes(tags=("mine", "to repeat"), group="sweep"))
    runs[2].update_status(state="stopped")
    return runs


def found(snapshots: Snapshots, index: RunIndex | None = None, **view: Any) -> list[str]:
    shown = listing(index or RunIndex(), snapshots.look(), ListView(**view))
    assert not shown.problem, shown.problem
    return [row.name.split(" · ")[0] for row in shown.rows]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "delta charlie bravo alfa"),
        ("knn>40", "delta bravo"),
        ("knn>40%", "delta bravo"),
        ("knn>0.4 knn<0.5", "delta"),
        ("knn=42%", "delta"),
        ("state:stopped", "charlie"),
        ("batch>=40", "bravo"),
        ("batch:20", "delta charlie alfa"),
        ("tag:mine", "bravo"),
        ('tag:"to repeat"', "bravo"),
        ("group=sweep", "bravo"),
        ("stop_gradient:off", "delta"),
        ("stop_gradient!=off", "charlie bravo alfa"),
        ("model.width<1", ""),
        ("backbone:resnet10 BRAVO", "bravo"),
        ("harl", "charlie"),
    ],
)
def test_words_and_conditions_find_runs(
    snapshots: Snapshots, four: list[RunDirectory], text: str, expected: str
) -> None:
    assert " ".join(found(snapshots, filter=text)) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("knn>much", "is no number"),
        ("nonsense=1", "There is no column or setting 'nonsense'"),
        ("knn>", "says nothing after >"),
        ("backbone>3", "backbone holds words"),
        ("weight_decay>x", "is no number"),
    ],
)
def test_what_cannot_be_understood_is_said(text: str, words: str) -> None:
    with pytest.raises(FilterError, match=words):
        read_filter(text)


def test_runs_are_sorted_and_those_without_a_value_come_last(
    snapshots: Snapshots, four: list[RunDirectory]
) -> None:
    assert found(snapshots, sort="knn") == ["alfa", "delta", "bravo", "charlie"]
    assert found(snapshots, sort="knn", down=True) == ["bravo", "delta", "alfa", "charlie"]
    assert found(snapshots, sort="name") == ["alfa", "bravo", "charlie", "delta"]
    assert found(snapshots, sort="tags")[0] == "bravo"
    assert found(snapshots, sort="created") == ["alfa", "bravo", "charlie", "delta"]
    assert found(snapshots, group="state") == ["delta", "bravo", "alfa", "charlie"]
    assert found(snapshots, group="group")[0] == "bravo", "runs of no group come last"


def test_the_page_gets_one_page_of_rows(store: RunStore, snapshots: Snapshots) -> None:
    for number in range(PAGE_ROWS + 3):
        make(store, f"run-{number:02d}")
    index = RunIndex()
    first = list_part(index, snapshots.look(), ListView()).value
    assert (len(first["rows"]), first["matching"], first["total"]) == (
        PAGE_ROWS,
        PAGE_ROWS + 3,
        PAGE_ROWS + 3,
    )
    assert first["rows"][0]["name"].startswith(f"run-{PAGE_ROWS + 2} ")
    second = list_part(index, snapshots.look(), ListView(first=PAGE_ROWS)).value
    assert [row["name"].split(" · ")[0] for row in second["rows"]] == ["run-02", "run-01", "run-00"]
    assert list_part(index, snapshots.look(), ListView(first=10 * PAGE_ROWS)).value["first"] == 0
    columns = list_part(index, snapshots.look(), ListView(columns=("knn", "../x"))).value["columns"]
    assert [column["key"] for column in columns if column["shown"]] == ["knn"]


def test_a_run_that_has_not_changed_is_not_read_again(
    store: RunStore, snapshots: Snapshots, four: list[RunDirectory]
) -> None:
    index = RunIndex()
    before = {row.id: row for row in index.known(snapshots.look()).rows}
    measure(four[0], **{"val/knn_accuracy": 0.5})
    after = {row.id: row for row in index.known(snapshots.look()).rows}
    assert after[four[0].id].cells["knn"] == "50.0%"
    assert all(after[run.id] is before[run.id] for run in four[1:])
    four[1].write_notes(Notes(tags=("other",)))  # by a command in a terminal, as the page need not know
    assert found(snapshots, index, filter="tag:other") == ["bravo"], (
        "it is found though it was not shown before"
    )
    store.trash(four[1])
    assert four[1].id not in {row.id for row in index.known(snapshots.look()).rows}


def test_of_many_runs_the_settings_are_read_in_the_background(
    snapshots: Snapshots, four: list[RunDirectory], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "AT_ONCE", 1)
    index = RunIndex()
    first = list_part(index, snapshots.look(), ListView(filter="stop_gradient:off")).value
    assert [row["name"][:5] for row in first["rows"]] == ["delta"]
    assert "settings of 3 runs are still being read" in first["note"]
    assert index._reader is not None
    index._reader.join(30)
    whole = listing(index, snapshots.look(), ListView(filter="stop_gradient:on"))
    assert whole.unread == 0 and len(whole.rows) == 3


def test_a_run_that_is_deleted_before_its_settings_were_read_leaves_the_list(
    store: RunStore, snapshots: Snapshots, four: list[RunDirectory], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "AT_ONCE", 0)
    monkeypatch.setattr(RunIndex, "_read_on", lambda self, runs: None)
    index = RunIndex()
    assert index.known(snapshots.look()).unread == 4
    index.forget(four[0].id)
    store.trash(four[0])
    known = index.known(snapshots.look())
    assert known.unread == len(known.rows) == 3


def test_a_page_that_looked_earlier_does_not_undo_what_another_one_saw(
    snapshots: Snapshots, four: list[RunDirectory]
) -> None:
    index, earlier = RunIndex(), snapshots.look()
    known = next(row for row in index.known(earlier).rows if row.id == four[0].id)
    measure(four[0], **{"val/knn_accuracy": 0.5})
    index.known(snapshots.look())
    four[0].write_notes(Notes(tags=("other",)))
    assert index.written(earlier, known).cells["tags"] == "other"
    now = next(row for row in index.known(snapshots.look()).rows if row.id == four[0].id)
    assert (now.cells["knn"], now.cells["tags"]) == ("50.0%", "other")


def test_whatever_a_page_asks_for_is_answered(snapshots: Snapshots, four: list[RunDirectory]) -> None:
    for asked in (
        {"list": 3},
        {"list": {"filter": 3, "sort": "../x", "group": [], "first": "a", "columns": "x"}},
        {"list": {"filter": "x" * 10_000, "first": -5, "columns": [3, None]}},
        {"list": {"first": float("nan")}},
        {"list": {"first": 1e300}},
    ):
        value = list_part(RunIndex(), snapshots.look(), list_view(asked)).value
        assert value["total"] == 4 and value["first"] == 0


def test_a_condition_that_is_not_understood_leaves_the_list_as_it_is(
    snapshots: Snapshots, four: list[RunDirectory]
) -> None:
    value = list_part(RunIndex(), snapshots.look(), ListView(filter="knn>")).value
    assert "says nothing after >" in value["problem"] and value["matching"] == 4


def test_a_run_is_listed_and_found_by_the_name_that_a_person_gave_it(
    snapshots: Snapshots, four: list[RunDirectory]
) -> None:
    four[0].write_notes(Notes(name="Best so far"))
    assert found(snapshots, filter='"best so"') == ["Best so far"]
    four[0].write_notes(Notes())
    assert found(snapshots, filter="alfa") == ["alfa"]


def test_images_of_ones_own_are_called_by_the_name_of_their_folder(
    store: RunStore, snapshots: Snapshots
) -> None:
    """Kind: "folder" stood there, whichever folder it was."""
    make(store, "drawn")
    make(store, "own", data={"source": "folder", "path": "/srv/photos/hand signs"})
    shown = listing(RunIndex(), snapshots.look(), ListView())
    assert [row.cells["data"] for row in shown.rows] == ["hand signs", "textures"]
    assert found(snapshots, filter='images:"hand signs"') == ["own"]
