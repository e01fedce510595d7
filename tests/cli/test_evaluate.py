from __future__ import annotations

import pytest
from tiny import tiny

from simsiam_core.cli import evaluate, main
from simsiam_core.runs import RunStore


def test_an_evaluation_in_a_terminal_never_waits(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a scheduler that starts in that moment would start it too."""
    run = store.create(tiny())
    (run.checkpoints_dir / "last.ckpt").touch()
    states: list[str] = []
    monkeypatch.setattr(evaluate, "_work", lambda job, *_: states.append(job.status().state) or 0)
    assert main(["evaluate", "knn", str(run.path)]) == 0
    assert states == ["running"]
