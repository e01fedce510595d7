"""A run's metrics as one CSV table: a row a step, a column a metric."""

from __future__ import annotations

import csv
import io

from simsiam_core.runs import RunDirectory


def metrics_csv(run: RunDirectory) -> str:
    """Write every metric line of a run, with headings; what was not measured at a step stays empty."""
    lines = run.metrics()
    names = dict.fromkeys(name for line in lines for name in line)
    out = io.StringIO()
    writer = csv.DictWriter(out, list(names) or ["step"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()
