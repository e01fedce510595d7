"""`train --run`, as a queue starts it: it waits for whoever only writes to the job's status, and for nobody else."""

from __future__ import annotations

import threading

import pytest
from tiny import tiny

from simsiam_core.cli import main
from simsiam_core.runs import RunError, RunStore, directory


def test_a_job_that_begins_while_its_status_is_written_trains(store: RunStore) -> None:
    """Kind: a job in SLURM failed with exit code 2, as the dashboard was writing why it waits."""
    run = store.create(tiny(training={"epochs": 1}))
    held = run.lock()
    with pytest.raises(RunError, match="Another process is working on run"):
        run.lock()
    release = threading.Timer(0.5, held.release)
    release.start()
    assert main(["train", "--run", str(run.path)]) == 0
    release.join()
    assert run.status().state == "finished"


def test_a_run_that_is_trained_is_not_trained_twice(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(directory, "LONGEST_NOTE", 0.2)
    run = store.create(tiny(training={"epochs": 1}))
    with run.lock():
        assert main(["train", "--run", str(run.path)]) == 2
    assert f"Another process is working on run {run.id} already." in capsys.readouterr().err
    assert run.status().state == "queued"
