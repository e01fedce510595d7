"""What is written about runs, one or several at once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from tiny import tiny

from simsiam_core.runs import Notes, RunDirectory, RunError, RunStore, Status
from simsiam_core.ui.context import READ_ONLY, Context
from simsiam_core.ui.runs.about import MAX_TAGS, part, write
from simsiam_core.ui.runs.bulk import BulkPanel
from simsiam_core.ui.runs.index import RunIndex


def panel(store: RunStore, *, read_only: bool = False) -> BulkPanel:
    scheduler: Any = None if read_only else SimpleNamespace(wake=lambda: None)
    worker: Any = None  # nothing here asks it
    with gr.Blocks():
        return BulkPanel(Context(store, worker, scheduler=scheduler), RunIndex())


def pressed(**data: Any) -> Any:
    return SimpleNamespace(_data=data)


@pytest.fixture
def three(store: RunStore) -> list[RunDirectory]:
    return [store.create(tiny(name=name), Status(state="finished")) for name in ("a", "b", "c")]


def test_notes_are_kept_with_each_tag_once_and_nothing_that_is_too_much(three: list[RunDirectory]) -> None:
    run = three[0]
    run.write_notes(Notes(group="sweep"))
    write(run, " my  run ", "wide, wide, to repeat", "Twice the batch.")
    assert run.notes() == Notes(
        name="my run", tags=("wide", "to repeat"), text="Twice the batch.", group="sweep"
    )
    assert part(run).value["tags"] == "wide, to repeat"
    for given in (("n" * 100, "", ""), ("", "t" * 50, ""), ("", "", "x" * 20_000)):
        with pytest.raises(RunError, match="At most"):
            write(run, *given)
    with pytest.raises(RunError, match="At most"):
        write(run, "", ",".join(f"tag{n}" for n in range(MAX_TAGS + 1)), "")


def test_several_runs_go_into_the_trash_and_come_back(store: RunStore, three: list[RunDirectory]) -> None:
    made, ids = panel(store), [run.id for run in three]
    three[1].update_status(state="queued")
    with three[1].lock():  # a process works on it
        chosen, said = made._act(ids, pressed(act="trash", ids=[*ids, "../etc"]))
    assert chosen == [ids[1]] and [run.id for run in store.runs()] == [ids[1]]
    assert said["said"] == "2 runs moved to the trash."
    assert "working on run" in said["problem"] and "no run '../etc'" in said["problem"]
    chosen, said = made._act(chosen, pressed(act="restore", ids=said["undo"]))
    assert sorted(chosen) == sorted(ids) and len(store.runs()) == 3
    assert not said.get("undo")


def test_a_tag_is_added_to_those_that_are_there(store: RunStore, three: list[RunDirectory]) -> None:
    three[0].write_notes(Notes(tags=("old",), text="Kept."))
    _, said = panel(store)._act([], pressed(act="tag", ids=[run.id for run in three], tag="new"))
    assert [run.notes().tags for run in three] == [("old", "new"), ("new",), ("new",)]
    assert three[0].notes().text == "Kept." and said["said"] == "Tag written to 3 runs."


def test_a_read_only_page_changes_nothing(store: RunStore, three: list[RunDirectory]) -> None:
    _, said = panel(store, read_only=True)._act([], pressed(act="trash", ids=[three[0].id]))
    assert said["problem"] == READ_ONLY and len(store.runs()) == 3
