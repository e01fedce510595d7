from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from tiny import tiny

from simsiam_core.runs import RunDirectory, RunStore
from simsiam_core.ui.context import READ_ONLY, Context
from simsiam_core.ui.runs.disk import NO_RUN, TITLES, DiskPanel


@pytest.fixture
def run(store: RunStore) -> RunDirectory:
    """A finished run with four checkpoints and a cache."""
    run = store.create(tiny())
    run.update_status(state="finished")
    for epoch in range(4):
        (run.checkpoints_dir / f"epoch={epoch:04d}.ckpt").write_bytes(bytes(20_000))
    run.features_dir.mkdir()
    (run.features_dir / "bank.npy").write_bytes(bytes(30_000))
    return run


def panel(store: RunStore, *, read_only: bool = False) -> DiskPanel:
    scheduler: Any = None if read_only else SimpleNamespace(wake=lambda: None)
    worker: Any = None  # nothing here asks it
    with gr.Blocks():
        return DiskPanel(Context(store, worker, scheduler=scheduler))


def buttons(shown: list[Any]) -> dict[str, bool]:
    """Which of the three can be pressed."""
    return {name: update["interactive"] for name, update in zip(TITLES, shown[1:4], strict=True)}


def test_it_says_what_a_run_takes_and_what_each_button_frees(store: RunStore, run: RunDirectory) -> None:
    shown = panel(store).show(run.id)
    assert "of checkpoints" in shown[0]
    assert "The trash is empty." in shown[0], "why a button cannot be pressed"
    assert "The trash holds" not in shown[0], "said once"
    assert buttons(shown) == {"thin": True, "clean": True, "trash": False}
    assert shown[1]["value"].startswith("Delete old checkpoints: ")
    assert shown[1]["value"].endswith(" kB")


def test_without_a_run_it_says_what_to_do(store: RunStore) -> None:
    for nobody in (None, "", "../../etc", 3):
        shown = panel(store).show(nobody)
        assert NO_RUN in shown[0]
        assert not any(buttons(shown).values())


def test_a_question_comes_before_and_can_be_left(store: RunStore, run: RunDirectory) -> None:
    made = panel(store)
    question, yes, no, asked = made._ask("thin", run.id)
    assert "Delete 2 checkpoints" in question["value"]
    assert yes["visible"] is no["visible"] is True
    assert len(run.checkpoints()) == 4, "nothing happens before the answer"
    made._delete(None, run.id)
    assert len(run.checkpoints()) == 4, "an answer without a question does nothing"
    shown = made._delete(asked, run.id)
    assert [checkpoint.epoch for checkpoint in run.checkpoints()] == [0, 3]
    assert "freed" in shown[4]["value"]
    assert buttons(shown)["thin"] is False


def test_caches_and_trash_go(store: RunStore, run: RunDirectory) -> None:
    made = panel(store)
    made._delete(("clean", run.id), run.id)
    assert not run.features_dir.exists()
    store.trash(run)
    shown = made.show(None)
    assert buttons(shown) == {"thin": False, "clean": False, "trash": True}
    assert "The trash holds" in shown[0] and "The trash is empty." not in shown[0]
    made._delete(("trash", None), None)
    assert store.trashed() == []


def test_what_began_to_work_meanwhile_is_left_alone(store: RunStore, run: RunDirectory) -> None:
    made = panel(store)
    asked = made._ask("thin", run.id)[3]
    with run.lock():
        shown = made._delete(asked, run.id)
    assert "working on run" in shown[4]["value"]
    assert len(run.checkpoints()) == 4


def test_a_read_only_page_only_shows(store: RunStore, run: RunDirectory) -> None:
    made = panel(store, read_only=True)
    shown = made.show(run.id)
    assert not any(buttons(shown).values())
    assert "of checkpoints" in shown[0]
    assert READ_ONLY.split(":")[0] in shown[0]
    assert "problem" in made._delete(("thin", run.id), run.id)[4]["value"]
    assert len(run.checkpoints()) == 4
