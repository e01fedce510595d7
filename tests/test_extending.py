"""The examples of docs/extending.md work: each file written into a copy of the program, then used there."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tiny import TINY

from simsiam_core.config import merge

METRIC = "representation/uniformity"
ROOT = Path(__file__).resolve().parents[1]
# The path of a file, alone on a line, and the block of code below it.
FILE = re.compile(r"^File `(simsiam_core/[\w/]+\.py)`:\n\n```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)

SCRIPT = """
import contextlib, io, json, sys
from pathlib import Path

import gradio as gr

from simsiam_core.cli import main
from simsiam_core.runs import RunStore
from simsiam_core.training.callbacks import metrics

metrics.FLUSH_SECONDS = 1e9  # values are written at the end of each epoch, after 4 steps


def typed(*words):
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        code = main(words)
    assert code == 0, (words, code)
    return printed.getvalue()


def helped(*words):
    with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.suppress(SystemExit):
        main([*words, "--help"])
    return printed.getvalue()


sources, evaluations, formats, families, methods = json.loads(sys.argv[1])
told = {"help": {words: helped(*words.split()) for words in ("train", "evaluate", "export", "evaluate few_shot")}}
told["backbones"] = json.loads(typed("backbones", families[0] + ":", "--json"))["backbones"]
backbone = told["backbones"][0]["name"]
new = ("--data.source", sources[0], "--backbone", backbone, "--method", methods[0])
run = json.loads(typed("train", "--config", "tiny.yaml", *new, "--json"))["run"]
typed("export", run, "--format", "torchscript", "--out", "program")
told["exported network"] = json.loads(Path("program.json").read_text())
told["result"] = json.loads(typed("evaluate", evaluations[0], run, "--json", "--shots", "2"))
typed("export", run, "--format", formats[0], "--out", "exported")
told["exported"] = Path("exported").read_text().splitlines()
told["results"] = typed("results", "--format", "csv")

from simsiam_core.ui.evaluate import form as evaluate_form
from simsiam_core.ui.components.form import Form

with gr.Blocks():
    form = Form({})
    form.place_rest()
    measuring = evaluate_form.Form(None)
told["sources"] = [value for _, value in form.controls["data.source"].choices]
told["methods"] = form.controls["objective.method"].choices
told["kinds"] = dict(measuring.kind.choices)
told["ids"] = [control.elem_id for control in measuring.settings]

from simsiam_core.evaluation.curves import metrics_csv
from simsiam_core.metrics.__main__ import page
from simsiam_core.ui.live.snapshot import Snapshots
from simsiam_core.ui.runs.charts import CHARTS, Drawn, chart
from simsiam_core.ui.runs.columns import COLUMNS
from simsiam_core.ui.runs.comparison import RESULTS
from simsiam_core.ui.runs.index import RunIndex
from simsiam_core.ui.runs.view import ChartView
from simsiam_core.ui.live.curves import CurveCache

store = RunStore(Path("runs"))
trained, curves = store.find(run), CurveCache()
(spec,) = [spec for spec in CHARTS if spec.key == "uniformity"]
drawn = chart(spec, [Drawn(trained, trained.status(), curves.read(trained), "#123456")], ChartView())
told["metric"] = {
    "record": trained.metrics(),
    "csv": metrics_csv(trained),
    "chart": [spec.title, spec.note, drawn["data"][0]["x"]],
    "column": COLUMNS["uniformity"],
    "compared": {metric.name: metric.title for metric in RESULTS.values()},
    "latest": dict(RunIndex().known(Snapshots(store).look()).rows[0].numbers),
    "page": page(),
}
Path("told.json").write_text(json.dumps(told))
"""


def names(files: dict[str, str], package: str) -> list[str]:
    """The entries that the examples add to a registry."""
    return [Path(path).stem for path in files if Path(path).parent == Path("simsiam_core") / package]


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    return dict(FILE.findall((ROOT / "docs" / "extending.md").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def told(files: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What the copy says of the entries that the examples add."""
    copy = tmp_path_factory.mktemp("extended")
    for name in ("simsiam_core", "assets"):
        shutil.copytree(ROOT / name, copy / name)  # with what is compiled already
    shutil.copy(ROOT / "pyproject.toml", copy)
    for path, text in files.items():
        assert not (copy / path).exists(), f"{path} is there already"
        (copy / path).write_text(text.replace("every_steps=50", "every_steps=4"), encoding="utf-8")
    tiny = merge(TINY, {"training": {"epochs": 2}})
    (copy / "tiny.yaml").write_text(yaml.safe_dump(tiny), encoding="utf-8")
    added = [
        names(files, package)
        for package in (
            "data/sources",
            "evaluation/kinds",
            "evaluation/exporters",
            "model/backbones",
            "training/methods",
        )
    ]
    process = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(added)],
        cwd=copy,
        env={
            **os.environ,
            "PYTHONPATH": str(copy),
            "SIMSIAM_CACHE": str(copy / "cache"),
            "OMP_NUM_THREADS": "1",
        },
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return json.loads((copy / "told.json").read_text(encoding="utf-8"))


def test_the_page_has_an_example_of_each(files: dict[str, str]) -> None:
    for package in (
        "metrics",
        "data/sources",
        "evaluation/kinds",
        "evaluation/exporters",
        "model/backbones",
        "training/methods",
        "config/evaluations",
    ):
        assert names(files, package), package


def test_the_terminal_lists_them(told: dict) -> None:
    assert "gratings" in told["help"]["train"] and "alignment_uniformity" in told["help"]["train"]
    assert "few_shot" in told["help"]["evaluate"] and "--shots" in told["help"]["evaluate few_shot"]
    assert "tsv: features as a table of text (.tsv)" in " ".join(told["help"]["export"].split())


def test_the_page_offers_them(told: dict) -> None:
    assert told["sources"] == [
        "textures",
        "cifar10",
        "cifar100",
        "gratings",
        "stl10",
        "csv",
        "parquet",
        "folder",
    ]
    assert ["Alignment and uniformity", "alignment_uniformity"] in told["methods"]
    assert list(told["kinds"].values()) == ["knn", "linear", "finetune", "few_shot"]
    assert "Few-shot" in told["kinds"] and "evaluate-shots" in told["ids"]


def test_they_train_measure_and_export(told: dict, files: dict[str, str]) -> None:
    assert 0 <= told["result"]["figures"]["few_shot/accuracy"] <= 1
    assert told["result"]["stamp"]["data"] == "gratings" and told["result"]["settings"]["shots"] == 2
    assert "Few-shot: shots 2, seed 0" in told["results"]
    assert len(told["exported"]) == 80
    losses = [line["train/loss"] for line in told["metric"]["record"] if "train/loss" in line]
    assert len(losses) == 8 and all(-4 < loss < 4 for loss in losses), "not those of SimSiam"
    assert min(losses) < -1
    assert told["exported"][0].split("\t")[1].endswith("degrees")


def test_the_network_is_listed_trained_and_exported(told: dict) -> None:
    small, standard = told["backbones"]
    assert (small["name"], small["feature_dim"]) == ("allconv:small", 32)
    assert standard["parameters"] > 10 * small["parameters"]
    described = told["exported network"]
    assert described["architecture"] == {"backbone": "allconv:small"} and described["feature_dim"] == 32


def test_the_metric_is_measured_at_its_cadence(told: dict) -> None:
    measured = {line["step"]: line[METRIC] for line in told["metric"]["record"] if METRIC in line}
    assert list(measured) == [4, 8]
    assert all(-4 <= value <= 0 for value in measured.values())


def test_the_metric_is_shown_wherever_metrics_are(told: dict) -> None:
    shown = told["metric"]
    assert shown["chart"] == ["Uniformity", "0 collapsed, less is more even", [4, 8]]
    assert shown["column"] == "Unif."
    assert shown["compared"][METRIC] == "Uniformity"
    last = next(line[METRIC] for line in reversed(shown["record"]) if METRIC in line)
    assert shown["latest"]["uniformity"] == last
    rows = list(csv.DictReader(shown["csv"].splitlines()))
    assert [row[METRIC] != "" for row in rows if row["train/loss"]] == [False, False, False, True] * 2
    assert f"| `{METRIC}` | Uniformity | " in shown["page"]
