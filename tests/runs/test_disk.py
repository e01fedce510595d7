from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from tiny import tiny

from simsiam_core.cli import main
from simsiam_core.runs import RunDirectory, RunError, RunStore
from simsiam_core.runs.disk import clean, dispensable, size, thin, trash_usage, usage
from simsiam_core.runs.evaluations import create_evaluation

BEST = 20  # the epoch with the highest kNN accuracy
WEIGHTS = 30_000  # bytes of a checkpoint, at least


@pytest.fixture
def run(store: RunStore) -> RunDirectory:
    """A finished run with a checkpoint at every fifth of 40 epochs, features of one, and a map."""
    run = store.create(tiny())
    run.update_status(state="finished")
    with run.metrics_path.open("w", encoding="utf-8") as record:
        for epoch in range(0, 41, 5):
            path = run.checkpoints_dir / f"epoch={epoch:04d}.ckpt"
            content = {"weights": torch.zeros(WEIGHTS // 4), "global_step": 10 * epoch}
            torch.save({**content, "simsiam": {"epochs_done": epoch}}, path)
            accuracy = 0.9 if epoch == BEST else epoch / 100
            line = {"step": 10 * epoch, "epoch": epoch, "time": 1.0, "val/knn_accuracy": accuracy}
            record.write(json.dumps(line) + "\n")
    os.link(path, run.checkpoints_dir / "last.ckpt")
    for folder in (run.features_dir, run.projections_dir):
        folder.mkdir()
        (folder / "cached").write_bytes(bytes(50_000))
    return run


def epochs(run: RunDirectory) -> list[int]:
    return [checkpoint.epoch for checkpoint in run.checkpoints() if checkpoint.epoch is not None]


def test_a_file_with_two_names_counts_once(run: RunDirectory) -> None:
    before = usage(run)
    assert 9 * WEIGHTS < before.checkpoints < 9.9 * WEIGHTS + 9 * 4096
    assert 100_000 <= before.caches < 110_000
    assert 0 < before.records < before.total < before.checkpoints + before.caches + 100_000
    (run.checkpoints_dir / "last.ckpt").unlink()
    assert usage(run) == before


def test_the_checkpoints_of_kept_classifiers_stay(run: RunDirectory) -> None:
    for epoch, backbone in ((10, False), (25, True)):  # a fine-tuned one has a backbone of its own
        job = create_evaluation(run, {"kind": "linear"})
        kept = {"classifier": {"bytes": 9, "backbone": backbone}}
        job.write_result({"kind": "linear", "epoch": epoch, "figures": {}, "stamp": {}, **kept})
    assert [c.epoch for c in dispensable(run)] == [5, 15, 25, 30, 35]


def test_first_best_last_and_every_nth_checkpoint_stay(run: RunDirectory) -> None:
    assert [c.epoch for c in dispensable(run, 3)] == [5, 10, 25, 35]
    before = usage(run).checkpoints
    assert thin(run, 3) == before - usage(run).checkpoints > 0
    assert epochs(run) == [0, 15, BEST, 30, 40]
    thin(run)
    assert epochs(run) == [0, BEST, 40]
    assert run.checkpoint("last").path.samefile(run.checkpoint("epoch=0040").path)
    assert thin(run) == 0


def test_without_measured_accuracy_first_and_last_stay(run: RunDirectory) -> None:
    run.metrics_path.unlink()
    thin(run)
    assert epochs(run) == [0, 40]


def test_cleaning_leaves_all_but_the_caches(run: RunDirectory) -> None:
    before = usage(run)
    assert clean(run) == before.caches
    after = usage(run)
    assert (after.caches, after.checkpoints) == (0, before.checkpoints)
    assert clean(run) == 0


def test_what_something_works_on_is_left_alone(run: RunDirectory) -> None:
    with run.lock():
        for give_back in (thin, clean):
            with pytest.raises(RunError, match="working on run"):
                give_back(run)
    assert len(epochs(run)) == 9


def test_bytes_are_said_as_people_say_them() -> None:
    assert [size(n) for n in (0, 999, 1000, 12_345_678, 2e9)] == [
        "0 bytes", "999 bytes", "1.0 kB", "12.3 MB", "2.0 GB",
    ]  # fmt: skip


def test_the_terminal_lists_thins_cleans_and_empties(
    run: RunDirectory, store: RunStore, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(*words: str) -> dict:
        assert main(["runs", *words, "--save-dir", str(store.path), "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    listed = told("du")
    assert listed["runs"][0]["run"] == run.id
    assert listed["runs"][0]["total"] == usage(run).total
    assert listed["trash"] == {"runs": 0, "bytes": 0}
    assert told("thin", run.id, "--keep-every", "4", "--yes")["freed"] > 5 * WEIGHTS
    assert epochs(run) == [0, BEST, 40]
    assert told("clean", run.id, run.id, "--yes")["runs"].keys() == {run.id}
    left = usage(run).total
    store.trash(run)
    assert told("du")["trash"] == {"runs": 1, "bytes": trash_usage(store)}
    assert told("empty-trash", "--yes") == {"freed": left, "runs": 1}
    assert store.trashed() == []
    assert told("empty-trash", "--yes") == {"freed": 0, "runs": 0}


def test_the_terminal_asks_first(
    run: RunDirectory, store: RunStore, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    where = ["--save-dir", str(store.path)]
    for words in (["thin", run.id], ["clean", run.id]):
        assert main(["runs", *words, *where]) == 2
        assert "--yes" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    questions = []
    monkeypatch.setattr("builtins.input", lambda question: questions.append(question) or "n")
    assert main(["runs", "thin", run.id, *where]) == 1
    assert main(["runs", "clean", run.id, *where]) == 1
    assert "6 checkpoints" in questions[0]
    assert "frees 106.5 kB" in questions[1] or "frees 1" in questions[1]
    assert len(epochs(run)) == 9
    monkeypatch.setattr("builtins.input", lambda _question: "y")
    assert main(["runs", "clean", run.id, *where]) == 0
    assert usage(run).caches == 0


def test_a_running_run_is_refused_in_a_sentence(
    run: RunDirectory, store: RunStore, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    import socket

    from simsiam_core.runs.processes import process_identity

    pid, started = process_identity(os.getpid())
    run.update_status(state="running", pid=pid, pid_started=started, host=socket.gethostname())
    for action in ("thin", "clean"):
        assert main(["runs", action, run.id, "--yes", "--save-dir", str(store.path)]) == 2
        assert "is running; stop it first" in capsys.readouterr().err
    assert main(["runs", "thin", run.id, "--keep-every", "0", "--save-dir", str(store.path)]) == 2
