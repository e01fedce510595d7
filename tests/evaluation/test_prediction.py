"""Any images classified by an evaluation from the terminal, and what keeps one from doing so."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from simsiam_core.cli import main
from simsiam_core.evaluation.prediction import load_predictor, write_predictions
from simsiam_core.evaluation.worker import evaluate
from simsiam_core.features.image_files import list_images
from simsiam_core.runs import RunDirectory, RunError
from simsiam_core.runs.evaluations import EvaluationDirectory, create_evaluation


@pytest.fixture(scope="module")
def job(trained: RunDirectory) -> EvaluationDirectory:
    job = create_evaluation(trained, {"kind": "linear", "epochs": 3})
    assert evaluate(job) == 0
    return job


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Two folders named like classes, a damaged image and a text file."""
    for index, name in enumerate(("dots/a.png", "dots/b.png", "waves/c.png")):
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (24, 20), (80 * index, 10, 200)).save(path)
    (tmp_path / "pictures" / "waves" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n no image")
    (tmp_path / "pictures" / "notes.txt").write_text("no image")
    return tmp_path / "pictures"


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_terminal_writes_a_row_an_image(
    trained: RunDirectory,
    job: EvaluationDirectory,
    pictures: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.chdir(pictures.parent)
    assert main(["predict", str(trained.path), "pictures", "--evaluation", job.id]) == 0
    told = capsys.readouterr()
    rows = read(told.out)
    assert [row["id"] for row in rows] == ["dots/a.png", "dots/b.png", "waves/c.png"]
    assert [row["label"] for row in rows] == ["dots", "dots", "waves"]
    assert "broken.png" in told.err and "notes.txt" in told.err and job.id in told.err
    classes = load_predictor(job).classes
    for row in rows:
        shares = {name: float(row[f"p_{name}"]) for name in classes}
        assert max(shares, key=shares.__getitem__) == row["prediction"]
        assert shares[row["prediction"]] == float(row["confidence"])
        assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
    assert main(["predict", str(trained.path), "pictures", "--evaluation", job.id, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["id"] for row in found["predictions"]] == [row["id"] for row in rows]
    assert found["predictions"][0]["confidence"] == float(rows[0]["confidence"])
    assert (found["evaluation"], found["images"], found["labelled"]) == (job.id, 3, 2)  # waves are no class
    files = ["pictures/dots/b.png", "pictures/waves/c.png"]
    assert main(["predict", str(trained.path), *files, "--evaluation", job.id, "--out", "found.csv"]) == 0
    again = read((pictures.parent / "found.csv").read_text())
    assert [row["id"] for row in again] == files and "label" not in again[0]
    assert [row["prediction"] for row in again] == [row["prediction"] for row in rows[1:]]


def test_nothing_readable_leaves_no_file(
    trained: RunDirectory, job: EvaluationDirectory, pictures: Path, capsys: pytest.CaptureFixture
) -> None:
    out = pictures / "found.csv"
    broken = str(pictures / "waves" / "broken.png")
    command = ["predict", str(trained.path), broken, "--evaluation", job.id, "--out", str(out)]
    assert main(command) == 2 and "can be read" in capsys.readouterr().err
    assert main([*command[:2], str(pictures / "none"), *command[3:]]) == 2
    assert "no such file or folder" in capsys.readouterr().err
    assert not list(pictures.glob("*found*")) and not list(pictures.glob(".*"))


def test_of_many_classes_a_table_has_the_most_probable(
    job: EvaluationDirectory, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simsiam_core.evaluation.prediction.ALL_CLASSES", 9)
    out = io.StringIO()
    found = write_predictions(load_predictor(job), list_images([str(pictures)]), out, lambda *_: None)
    (row, *_) = read(out.getvalue())
    assert found.count == 3
    assert row["class_1"] == row["prediction"] and row["p_1"] == row["confidence"]
    assert [name for name in row if name.startswith("p_")] == ["p_1", "p_2", "p_3", "p_4", "p_5"]
    assert sorted(float(row[f"p_{i}"]) for i in range(1, 6)) == [
        float(row[f"p_{i}"]) for i in range(5, 0, -1)
    ]


def test_what_cannot_classify_says_what_to_do(trained: RunDirectory, job: EvaluationDirectory) -> None:
    result = job.result()
    assert result is not None
    waiting = create_evaluation(trained, {"kind": "linear"})
    with pytest.raises(RunError, match="has no result; it is queued"):
        load_predictor(waiting)
    waiting.write_result(result)
    with pytest.raises(RunError, match="kept no classifier; `simsiam evaluate linear"):
        load_predictor(waiting)
    waiting.classifier_path.write_bytes(b"no classifier")
    with pytest.raises(ValueError, match="damaged; measure again"):
        load_predictor(waiting)
    content = torch.load(job.classifier_path, weights_only=True)
    torch.save(content, waiting.classifier_path)
    waiting.write_result({**result, "stamp": {**result["stamp"], "checkpoint_fingerprint": "gone"}})
    with pytest.raises(RunError, match="no longer there"):
        load_predictor(waiting)
    unknown = create_evaluation(trained, {"kind": "clustering"})
    with pytest.raises(RunError, match="kind clustering keeps no classifier"):
        load_predictor(unknown)


def test_a_failed_evaluation_keeps_no_classifier(
    trained: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = create_evaluation(trained, {"kind": "linear", "epochs": 1})
    monkeypatch.setattr(EvaluationDirectory, "write_result", lambda *_: 1 / 0)
    assert evaluate(job) == 1
    assert not job.classifier_path.exists()
