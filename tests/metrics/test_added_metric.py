"""A metric is one file: that of docs/extending.md, in a copy of the program, is measured, kept and shown."""

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

ROOT = Path(__file__).resolve().parents[2]
FILE = re.compile(
    r"^File `(simsiam_core/metrics/\w+\.py)`:\n\n```python\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
NAME = "representation/uniformity"
SCRIPT = """
import json, sys
from pathlib import Path
from tiny import tiny
from simsiam_core.evaluation.curves import metrics_csv
from simsiam_core.metrics.__main__ import page
from simsiam_core.runs import RunStore
from simsiam_core.training.callbacks import metrics
from simsiam_core.training.worker import train
from simsiam_core.ui import compare, runs_table
from simsiam_core.ui.monitor_charts import CHARTS, chart
from simsiam_core.ui.series import CurveCache

metrics.FLUSH_SECONDS = 1e9  # at the end of each epoch, after 4 steps
run = RunStore(Path("runs")).create(tiny(training={"epochs": 2}))
assert train(run) == 0
(spec,) = [spec for spec in CHARTS if spec.key == "uniformity"]
curves, statuses = CurveCache(), {run.id: run.status()}
drawn = chart(spec, [run], statuses, {run.id: curves.read(run)}, "step")
print(json.dumps({
    "record": run.metrics(),
    "csv": metrics_csv(run),
    "chart": [spec.title, spec.note, drawn["data"][0]["x"]],
    "column": runs_table.COLUMNS["uniformity"],
    "compared": compare.NAMES,
    "latest": compare.latest(run, curves),
    "page": page(),
}))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict:
    copy = tmp_path_factory.mktemp("added")
    for name in ("simsiam_core", "assets"):
        shutil.copytree(ROOT / name, copy / name)
    ((path, text),) = FILE.findall((ROOT / "docs" / "extending.md").read_text(encoding="utf-8"))
    (copy / path).write_text(text.replace("every_steps=50", "every_steps=4"), encoding="utf-8")
    paths = os.pathsep.join(map(str, (copy, ROOT / "tests")))
    process = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return json.loads(process.stdout.splitlines()[-1])


def test_it_is_measured_at_its_cadence(told: dict) -> None:
    measured = {line["step"]: line[NAME] for line in told["record"] if NAME in line}
    assert list(measured) == [4, 8]
    assert all(-4 <= value <= 0 for value in measured.values())


def test_it_is_shown_wherever_metrics_are(told: dict) -> None:
    assert told["chart"] == ["Uniformity", "0 collapsed, less is more even", [4, 8]]
    assert told["column"] == "Unif."
    assert told["compared"][NAME] == "Uniformity"
    last = next(line[NAME] for line in reversed(told["record"]) if NAME in line)
    assert told["latest"]["uniformity"] == last
    rows = list(csv.DictReader(told["csv"].splitlines()))
    assert [row[NAME] != "" for row in rows if row["train/loss"]] == [False, False, False, True] * 2
    assert f"| `{NAME}` | Uniformity | " in told["page"]
