from __future__ import annotations

from tiny import tiny

from simsiam_core.runs import RunStore
from simsiam_core.training.collapse import PATIENCE_STEPS, CollapseWatch
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
