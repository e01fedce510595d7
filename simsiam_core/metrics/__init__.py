"""The registry of metrics: one module for each in a run's record, which says how it is read, shown and measured.

The figures that evaluations report are named by the kinds of evaluation.

Whoever needs one name imports it from its module, such as `metrics.train_loss.TRAIN_LOSS`. No entry imports torch
before it is measured.
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
    """Return the module in which a metric of that name stands."""
    return name.replace("/", "_")


def in_order() -> list[Metric]:
    """Return every metric, in the order in which they are shown."""
    return sorted(METRICS.all().values(), key=lambda metric: (metric.order, metric.name))


def charts() -> dict[str, list[Metric]]:
    """Return the metrics that share a chart on Monitor, by the chart's key; the first gives it its title and axis."""
    found: dict[str, list[Metric]] = {}
    for metric in in_order():
        if metric.chart:
            found.setdefault(metric.chart, []).append(metric)
    return found


def describe(name: str) -> Metric:
    """Return the entry of a name; a plain one for a name without entry, such as that of another version's metric."""
    module = module_of(name)
    if module in METRICS.names and (metric := METRICS.get(module)).name == name:
        return metric
    return Metric(name, title=name, help="", order=10**6)
