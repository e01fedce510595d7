"""What the buttons beside an evaluation do, without a browser and without any process."""

from __future__ import annotations

import pytest
from pretended import begin
from tiny import tiny

from simsiam_core.jobs import Scheduler, enqueue, enqueue_evaluation, scheduler
from simsiam_core.runs import RunStore, Status
from simsiam_core.ui.context import READ_ONLY, Context, Sent
from simsiam_core.ui.evaluate_tab import Evaluate
from simsiam_core.ui.words import problem


def test_one_that_waits_is_measured_beside_what_runs_or_cancelled(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "launch", lambda run, *_, **__: begin(run))
    run = store.create(tiny(), Status(state="finished"))
    enqueue(store, [tiny(name="busy")])
    with Scheduler(store) as worker:
        worker.run_once()
        jobs = [enqueue_evaluation(store, run, {"kind": "knn", "checkpoint": "last"}) for _ in range(2)]
        worker.run_once()
        assert [job.status().activity for job in jobs] == ["Waits for a CPU slot: 1 of 1 taken."] * 2
        only_looks = Evaluate(Context(store, None))  # type: ignore[arg-type]  # nothing is encoded
        for act in (only_looks.beside, only_looks.cancel):
            assert act(run.id, jobs[0].id) == problem(READ_ONLY)
        page = Evaluate(Context(store, None, scheduler=worker))  # type: ignore[arg-type]
        assert page.beside(run.id, jobs[0].id) == ""
        assert "it is running" in page.beside(run.id, jobs[0].id)
        assert page.cancel(run.id, jobs[1].id) == ""
        assert [job.status().state for job in jobs] == ["running", "stopped"]


def test_with_nothing_measured_each_chart_says_what_fills_it(store: RunStore) -> None:
    run = store.create(tiny(), Status(state="finished"))
    page = Evaluate(Context(store, None))  # type: ignore[arg-type]  # nothing is encoded
    for run_id in (run.id, None):
        charts = page.view(run_id, None, Sent())[5:9]
        assert [chart["data"] for chart in charts] == [[]] * 4
        assert all(chart["empty"].endswith(" fills this.") for chart in charts)
