"""Which network the bar stands for, given what an address or the page names."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny import tiny

from simsiam_core.runs import RunDirectory, RunStore, Status
from simsiam_core.ui.context import Context
from simsiam_core.ui.context_bar.network import ChosenNetwork, newer_checkpoint, newest, of_run


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(RunStore(tmp_path / "runs"), None)  # type: ignore[arg-type]  # nothing is encoded


def trained(context: Context, *checkpoints: str) -> RunDirectory:
    run = context.store.create(tiny(name="given"), Status(state="finished"))
    run.checkpoints_dir.mkdir(exist_ok=True)
    for name in checkpoints:
        (run.checkpoints_dir / f"{name}.ckpt").touch()
    context.snapshots.forget()
    return run


def test_a_run_stands_for_its_newest_checkpoint_by_the_name_that_stays(context: Context) -> None:
    run = trained(context, "epoch=0002", "epoch=0010", "last")
    chosen, trouble = of_run(context, run.id)
    assert (chosen, trouble) == (ChosenNetwork(run.id, "epoch=0010", "train"), "")
    assert chosen == of_run(context, run.id, "last")[0]
    assert chosen.title(context) == f"given · {run.id[-4:]} · epoch 10 · training images"
    assert newer_checkpoint(context, chosen) is None
    assert newer_checkpoint(context, ChosenNetwork(run.id, "epoch=0002")) == "epoch=0010"


def test_last_is_named_only_where_it_is_all_there_is(context: Context) -> None:
    run = trained(context, "last")
    assert of_run(context, run.id) == (ChosenNetwork(run.id, "last", "train"), "")


def test_what_is_not_there_is_said_and_no_other_run_takes_its_place(context: Context) -> None:
    assert newest(context) is None
    run, empty = trained(context, "epoch=0002"), trained(context)
    chosen, trouble = of_run(context, "nonexistent")
    assert chosen is None and "no run “nonexistent”" in trouble
    chosen, trouble = of_run(context, empty.id)
    assert chosen is None and "no checkpoint yet" in trouble
    chosen, trouble = of_run(context, run.id, "epoch=0099", "test")
    assert chosen == ChosenNetwork(run.id, "epoch=0002", "test") and "epoch=0099" in trouble
    chosen, trouble = of_run(context, run.id, None, "folder:/etc")
    assert chosen == ChosenNetwork(run.id, "epoch=0002", "train") and "/etc" in trouble
    assert newest(context) == ChosenNetwork(run.id, "epoch=0002", "train"), "the newest has no checkpoint"
