"""The kinds of evaluation and the export formats: in order, documented, and unknown ones shown as such."""

from __future__ import annotations

from pathlib import Path

from tiny import tiny

from simsiam_core.config.evaluation import KINDS, settings_model
from simsiam_core.evaluation import exporters, kinds
from simsiam_core.evaluation.results import COLUMNS, HEADINGS, rows
from simsiam_core.runs import RunStore
from simsiam_core.runs.evaluations import create_evaluation, evaluations, results
from simsiam_core.ui.evaluate import report as evaluate_report

PAGE = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")


def test_kinds_are_listed_in_their_order() -> None:
    assert list(kinds.listed()) == ["knn", "linear", "finetune"]
    assert set(KINDS) == set(kinds.listed())
    assert list(COLUMNS) == ["knn", "linear", "finetune", "scratch"]
    assert HEADINGS[3:-1] == ("kNN", "Linear", "Fine-tuned", "From scratch")


def test_every_kind_can_be_told_a_checkpoint() -> None:
    for kind in KINDS:
        assert settings_model(kind)(kind=kind).model_dump(mode="json").keys() >= {"kind", "checkpoint"}


def test_formats_are_listed_in_their_order() -> None:
    names = ["safetensors", "torchscript", "torch", "onnx", "timm", "torchvision"]
    assert list(exporters.listed()) == [*names, "npz", "parquet", "bundle"]


def test_the_documentation_describes_every_kind_and_format() -> None:
    for name, kind in kinds.listed().items():
        assert f"| `{name}` | {kind.help} |" in PAGE
    for name, exporter in exporters.listed().items():
        needs = ", ".join(exporter.packages) or "–"
        assert f"| `{name}` | {exporter.help} | {exporter.suffix or 'a folder'} | {needs} |" in PAGE


def test_an_evaluation_of_another_version_is_shown_as_such(store: RunStore) -> None:
    run = store.create(tiny())
    job = create_evaluation(run, {"kind": "clustering"})
    stamp = {"data": "textures", "train_images": 80, "test_images": 20}
    figures = {"clustering/purity": 0.5}
    job.write_result({"kind": "clustering", "epoch": 3, "figures": figures, "stamp": stamp})
    job.update_status(state="finished")
    assert [found.kind for found in evaluations(run)] == ["clustering"]
    assert results(run)[1] == [] and rows([run]) == []
    line = evaluate_report.line(job, current=True)
    assert line["cells"]["what"] == "clustering (unknown to this version), epoch 3"
    assert line["cells"]["figure"] == "50.0%"
    shown = evaluate_report.heading(job)
    assert "clustering (unknown to this version)" in shown and "clustering/purity" in shown
    assert evaluate_report.curves(job)["data"] == []
