"""Print docs/metrics.md, the documentation page that lists every metric."""

from __future__ import annotations

from simsiam_core.metrics import Metric, in_order

HEAD = """# Metrics

What stands in the lines of a run's `metrics.jsonl`, made by `python -m simsiam_core.metrics` from the registry of
metrics. [How to add one](extending.md#a-metric).

| name | title | what it is | unit | values | measured |
| --- | --- | --- | --- | --- | --- |
"""


def page() -> str:
    """Return the page as Markdown."""
    return HEAD + "".join(_row(metric) for metric in in_order())


def _row(metric: Metric) -> str:
    unit = {"fraction": "fraction of 1", "linear": metric.unit, "log": metric.unit}[metric.scale]
    columns = (f"`{metric.name}`", metric.title, metric.help, unit, _values(metric), _measured(metric))
    return f"| {' | '.join(columns)} |\n"


def _values(metric: Metric) -> str:
    least, greatest = (None if bound is None else f"{bound:g}".replace("-", "−") for bound in metric.bounds)
    parts = [f"{least} to {greatest}" if least and greatest else f"from {least}" if least else ""]
    if metric.healthy[0] is not None:
        parts.append(f"healthy from {metric.healthy[0]:g}")
    if metric.healthy[1] is not None:
        parts.append(f"healthy up to {metric.healthy[1]:g}")
    return ", ".join(filter(None, parts))


def _measured(metric: Metric) -> str:
    if metric.measure is None:
        return metric.cadence
    return "every step" if metric.every_steps == 1 else f"every {metric.every_steps} steps and at the end"


if __name__ == "__main__":
    print(page(), end="")
