from __future__ import annotations

import os

from tiny import tiny

from simsiam_core.runs import RunStore
from simsiam_core.runs.evaluations import EvaluationDirectory, create_evaluation

KNN = {"kind": "knn", "checkpoint": "last"}


def test_a_killed_evaluation_is_not_told_to_resume(store: RunStore) -> None:
    job = create_evaluation(store.create(tiny()), KNN)
    job.update_status(state="running", pid=1, pid_started=0.0, host=os.uname().nodename)
    assert isinstance(job, EvaluationDirectory)
    assert job.status().state == "crashed"
    assert "measure again" in (job.status().error or "")
