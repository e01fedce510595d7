"""Registry of metrics: one module per metric of a run's record, with its title, format, charts and measurement.

The figures of evaluations are named by the kinds of evaluation.

Import a single name from its module, such as `metrics.train_loss.TRAIN_LOSS`. No entry imports torch before
it is measured.
"""

from __future__ import annotations

from simsiam_core.metrics._metric import Measure, Metric, Range, Scale, StepOutputs
from simsiam_core.registry import Registry

__all__ = [
    "METRICS",
    "Measure",
    "Metric",
    "Range",
    "Scale",
    "StepOutputs",
    "charts",
    "describe",
    "in_order",
    "module_of",
]

METRICS = Registry("metrics", Metric, "metric")


def module_of(name: str) -> str:
    """Return the name of the module that defines a metric."""
    return name.replace("/", "_")


def in_order() -> list[Metric]:
    """Return every metric, in display order."""
    return sorted(METRICS.all().values(), key=lambda metric: (metric.order, metric.name))


def charts() -> dict[str, list[Metric]]:
    """Return the metrics of each chart on Runs, by the chart's key; the first one gives its title and axis."""
    found: dict[str, list[Metric]] = {}
    for metric in in_order():
        if metric.chart:
            found.setdefault(metric.chart, []).append(metric)
    return found


def describe(name: str) -> Metric:
    """Return the entry of a metric; a plain one for an unknown name, such as one from another version."""
    module = module_of(name)
    if module in METRICS.names and (metric := METRICS.get(module)).name == name:
        return metric
    return Metric(name, title=name, help="", order=10**6)
