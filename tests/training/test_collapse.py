from __future__ import annotations

import pytest
from tiny import tiny

from simsiam_core.runs import CollapseReader, RunStore, Status, collapse
from simsiam_core.training.collapse import PATIENCE_STEPS, CollapseWatch
from simsiam_core.training.methods import METHODS
from simsiam_core.training.worker import train


def lines(values: list[float]) -> list[dict[str, float]]:
    return [{"step": step, "representation/std": value} for step, value in enumerate(values, start=1)]


def test_it_says_how_far_and_since_when() -> None:
    watch = CollapseWatch()
    watch.observe(lines([0.9] * 10 + [0.03] * PATIENCE_STEPS))
    assert watch.sentence is None  # one step short of its patience
    watch.observe([{"step": 31, "representation/std": 0.03}])
    assert watch.sentence.startswith(
        "Collapse: per-dimension std is 3% of a healthy value since step 11; loss"
    )


def test_a_recovery_is_no_collapse() -> None:
    watch = CollapseWatch()
    watch.observe(lines([0.05] * 100 + [0.9]))
    assert watch.sentence is None


def test_a_collapsed_run_ends_by_itself_where_asked(store: RunStore) -> None:
    model = {"stop_gradient": False, "predictor": False}
    training = {"epochs": 60, "stop_on_collapse": True}
    run = store.create(tiny(model=model, training=training, optimiser={"base_lr": 5.0, "weight_decay": 0.0}))
    assert train(run) == 0
    status = run.status()
    assert status.state == "stopped" and status.step < status.total_steps
    assert status.error.startswith("Collapse: ")
    assert run.checkpoint("last").path.exists()


def test_the_advice_is_that_of_the_method(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collapse, "COLLAPSED_STD", 2.0)  # no std is as high
    run = store.create(tiny(objective={"method": "vicreg"}, training={"epochs": 6}, knn={"knn_every": 100}))
    assert train(run) == 0
    found = run.status().collapse
    assert found is not None and found.sentence is not None
    assert found.sentence.endswith(METHODS.get("vicreg").advice)
    assert "stop-gradient" not in found.sentence


def test_the_judgement_is_recorded_and_goes_on_where_a_run_is_resumed(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collapse, "COLLAPSED_STD", 2.0)  # no std is as high
    run = store.create(tiny(training={"epochs": 6}, knn={"knn_every": 100}))
    assert train(run) == 0
    before = run.status().collapse
    assert before == CollapseReader().read(run, Status())
    assert before is not None and before.collapsed
    assert (before.since, before.step) == (1, 24)
    run.write_config(tiny(training={"epochs": 7}, knn={"knn_every": 100}))
    run.update_status(state="queued", collapse=None)
    assert train(run) == 0
    after = run.status().collapse
    assert after is not None
    assert (after.since, after.step) == (1, 28), "not since the resume"


def test_a_resumed_run_is_not_ended_for_an_earlier_collapse() -> None:
    watch = CollapseWatch(lines([0.03] * 50))
    assert watch.sentence is not None and watch.lasting_sentence is None
    after = [{"step": step, "representation/std": 0.03} for step in range(51, 51 + PATIENCE_STEPS + 1)]
    watch.observe(after[:-1])
    assert watch.lasting_sentence is None
    watch.observe(after[-1:])
    assert watch.lasting_sentence is not None


def test_a_change_is_told_once() -> None:
    watch = CollapseWatch()
    assert not watch.observe(lines([0.9]))
    assert watch.observe([{"step": step, "representation/std": 0.1} for step in range(2, 30)])
    assert not watch.observe([{"step": 30, "representation/std": 0.1}])
    assert watch.observe([{"step": 31, "representation/std": 0.9}])
    assert watch.sentence is None
