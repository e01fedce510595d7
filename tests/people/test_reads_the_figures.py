"""Somebody reads similarities, accuracies by class and curves, and compares them with those of yesterday."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from previous import run_named, unpack_previous
from torch.nn import functional as F

from simsiam_core.cli import main
from simsiam_core.data import load
from simsiam_core.evaluation.by_class import by_class
from simsiam_core.evaluation.knn_report import centroid_accuracy
from simsiam_core.features.neighbours import nearest, search
from simsiam_core.model import load_encoder
from simsiam_core.training.evaluation import Evaluation
from simsiam_core.ui.evaluate import report as evaluate_report


@pytest.fixture
def tied() -> torch.Tensor:
    """A bank of 40 rows with three sets of equal ones, scattered."""
    rows = F.normalize(torch.randn(4, 16, generator=torch.Generator().manual_seed(0)), dim=1)
    return rows[torch.randint(0, 4, (40,), generator=torch.Generator().manual_seed(1))]


def test_more_neighbours_change_nothing_before_them(tied: torch.Tensor) -> None:
    """Equal similarities came in another order for another k."""
    all_similarities, all_rows = nearest(tied[:3], tied, 40)
    for query in range(3):
        pairs = list(zip((-all_similarities[query]).tolist(), all_rows[query].tolist(), strict=True))
        assert pairs == sorted(pairs), "by similarity, then by row"
    for k in (1, 2, 5, 7, 20, 39, 50):
        similarities, rows = nearest(tied[:3], tied, k)
        assert torch.equal(rows, all_rows[:, :k]) and torch.equal(similarities, all_similarities[:, :k])


def test_no_similarity_is_above_one() -> None:
    """A JSON said 1.0000001."""
    bank = F.normalize(torch.randn(200, 37, generator=torch.Generator().manual_seed(3)), dim=1)
    assert float(search(bank, bank, 1)[0].max()) > 1, "rounding does it"
    assert float(nearest(bank, bank, 1)[0].max()) <= 1


def test_a_class_without_test_images_was_not_measured() -> None:
    """It was given 0.0, which reads as all wrong."""
    details = by_class(torch.tensor([0, 0, 2]), torch.tensor([0, 1, 2]), ("a", "b", "c"))
    assert details["per_class"] == [0.5, None, 1.0]
    assert details["confusion"][1] == [0, 0, 0]
    json.dumps(details, allow_nan=False)
    for per_class in (details["per_class"], [0.5, 0.0, 1.0]):  # the second as earlier versions wrote it
        result = {"id": "x", "kind": "knn", "details": {**details, "per_class": per_class}}
        (trace,) = evaluate_report.per_class(result)["data"]
        shown = dict(zip(trace["y"], trace["text"], strict=True))
        assert shown == {"a": "", "b": "–", "c": ""}
        assert "no test images" in trace["customdata"]


def test_a_class_without_training_images_is_nobodys_nearest_mean() -> None:
    """Its mean of nothing lay nearer than every mean that points away."""
    bank, labels = torch.tensor([[1.0, 0.0], [0.9, 0.1]]), torch.tensor([0, 2])
    queries = F.normalize(torch.tensor([[-1.0, 0.3]]), dim=1)
    assert centroid_accuracy(F.normalize(bank, dim=1), labels, queries, torch.tensor([2])) == 1


@pytest.mark.parametrize("name", ["finished", "folder"])
def test_knn_curves_of_earlier_runs_are_the_same_to_the_bit(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The figures that a run was judged by do not move with a version."""
    monkeypatch.chdir(tmp_path)  # its path is relative
    monkeypatch.setenv("SIMSIAM_CACHE", str(tmp_path / "cache"))
    run = run_named(unpack_previous(tmp_path), name)
    measured = {m["epoch"]: m["val/knn_accuracy"] for m in run.metrics() if "val/knn_accuracy" in m}
    config = run.config()
    dataset = load(config.data)
    evaluation = Evaluation(config, dataset)
    found = {}
    for checkpoint in run.checkpoints():
        encoder = load_encoder(checkpoint.path)
        found[encoder.epoch] = evaluation.knn_accuracy(encoder)
    assert found and found == {epoch: measured[epoch] for epoch in found}
    raw = next(m["val/knn_accuracy_raw_pixels"] for m in run.metrics() if "val/knn_accuracy_raw_pixels" in m)
    assert evaluation.raw_pixels(torch.device("cpu")).accuracy == raw


def test_neighbours_on_the_terminal_keep_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`-k 3` is the beginning of `-k 12`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIMSIAM_CACHE", str(tmp_path / "cache"))
    run = run_named(unpack_previous(tmp_path), "folder")
    image = load(run.config().data).train.ids[0]
    answers = []
    for k in ("3", "12"):
        assert main(["neighbours", str(run.path), "--id", image, "-k", k, "--json"]) == 0
        answers.append(json.loads(capsys.readouterr().out)["neighbours"])
    assert answers[0] == answers[1][:3]
    assert all(-1 <= n["similarity"] <= 1 for n in answers[1])
