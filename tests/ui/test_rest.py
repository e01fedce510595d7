from __future__ import annotations

import json
import time

import pytest
from tiny import tiny

from simsiam_core.runs import RunDirectory, RunStore
from simsiam_core.ui.rest import TAIL_BYTES, RestCache, last_accuracy


@pytest.fixture
def run(store: RunStore) -> RunDirectory:
    run = store.create(tiny())
    lines = [{"step": 1, "val/knn_accuracy": 0.25}, {"step": 2, "val/knn_accuracy": 0.5}, {"step": 3}]
    run.metrics_path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    run.update_status(state="finished", ended=time.time())
    return run


def test_a_run_at_rest_is_read_once_and_again_when_written(
    run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, reads = RestCache(), []
    read = RunDirectory.status
    monkeypatch.setattr(RunDirectory, "status", lambda self: (reads.append(self.id), read(self))[1])
    for _ in range(3):
        assert cache.status(run).state == "finished"
    assert reads == [run.id]
    assert cache.accuracy(run) == 0.5
    run.update_status(state="queued")
    assert cache.status(run).state == "queued"
    assert cache.accuracy(run) is None


def test_the_last_accuracy_is_found_in_a_long_file_and_behind_half_a_line(run: RunDirectory) -> None:
    with run.metrics_path.open("a") as file:
        file.write("x" * TAIL_BYTES + "\n" + json.dumps({"step": 9, "val/knn_accuracy": 0.75}) + "\n")
        file.write('{"step": 10, "val/knn_accuracy": 0.')
    assert last_accuracy(run) == 0.75
    run.metrics_path.unlink()
    assert last_accuracy(run) is None
