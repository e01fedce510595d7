"""A run's metrics as one CSV table: a row a step, a column a metric."""

from __future__ import annotations

import csv
import io

from simsiam_core.metrics import describe
from simsiam_core.runs import RunDirectory
from simsiam_core.runs.metrics import COORDINATES


def metrics_csv(run: RunDirectory) -> str:
    """Write every metric line of a run under headings, the metrics in the order of their registry.

    What was not measured at a step stays empty.
    """
    lines = run.metrics()
    there = {name for line in lines for name in line}
    metrics = sorted(there.difference(COORDINATES), key=lambda name: (describe(name).order, name))
    out = io.StringIO()
    names = [*(name for name in COORDINATES if name in there), *metrics]
    writer = csv.DictWriter(out, names or ["step"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()
