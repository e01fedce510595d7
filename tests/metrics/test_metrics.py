"""What the registry of metrics promises: names in one place, words for all of them, and no torch at a start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from simsiam_core.metrics import METRICS, Metric, describe, in_order, module_of
from simsiam_core.metrics.__main__ import page

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [
    path
    for folder, pattern in (("simsiam_core", "*.py"), ("assets/ui", "*.js"))
    for path in (ROOT / folder).rglob(pattern)
]


@pytest.mark.parametrize("metric", in_order(), ids=lambda metric: metric.name)
def test_a_metric_is_named_in_its_own_module_alone(metric: Metric) -> None:
    module = f"{module_of(metric.name)}.py"
    quoted = [f"{quote}{metric.name}{quote}" for quote in "\"'"]
    found = [path for path in SOURCES if any(q in path.read_text(encoding="utf-8") for q in quoted)]
    assert [path.name for path in found] == [module]
    assert describe(metric.name) is metric


@pytest.mark.parametrize("metric", in_order(), ids=lambda metric: metric.name)
def test_a_metric_says_what_it_is(metric: Metric) -> None:
    assert metric.title and metric.help.endswith(".")
    assert metric.measure or metric.cadence
    assert not metric.qualifies or (describe(metric.qualifies).help and metric.phrase.format(12))
    assert not metric.column or metric.key, "a column is known by its key"


def test_a_chart_is_called_by_its_first_metric() -> None:
    first = {metric.chart: metric for metric in reversed(in_order()) if metric.chart}
    assert all(metric.key == chart for chart, metric in first.items())
    keys = [metric.key for metric in in_order() if metric.key]
    assert len(keys) == len(set(keys))


def test_a_name_of_another_version_is_shown_as_it_is() -> None:
    metric = describe("later/metric")
    assert (metric.name, metric.title, metric.text(0.5)) == ("later/metric", "later/metric", "0.5")
    assert metric.order > max(m.order for m in in_order())
    assert describe("train_loss").help == "", "an entry is found by its name, not by that of its module"


def test_values_are_told_with_their_unit_and_kept_with_their_decimals() -> None:
    metric = Metric("a/b", "A", "A.", 1, unit="px", format=",.1f", decimals=2)
    assert metric.text(1234.56) == "1,234.6 px"
    assert metric.recorded(0.12345) == 0.12
    assert Metric("a/b", "A", "A.", 1, format=".1%").text(0.5) == "50.0%"


def test_no_metric_imports_torch_before_it_is_measured() -> None:
    code = "import sys, simsiam_core.metrics as m; m.in_order(); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=60)


def test_the_documentation_lists_them_as_they_are() -> None:
    written = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert written == page(), "run: python -m simsiam_core.metrics > docs/metrics.md"
    assert len(METRICS.names) == written.count("\n| `")
