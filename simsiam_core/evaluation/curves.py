"""Export of a run's metrics as one CSV table: one row per step, one column per metric."""

from __future__ import annotations

import csv
import io

from simsiam_core.metrics import describe
from simsiam_core.runs import RunDirectory
from simsiam_core.runs.metrics import COORDINATES


def metrics_csv(run: RunDirectory) -> str:
    """Return every metric line of a run as CSV with a header, the metrics in registry order.

    Cells of metrics that were not measured at a step stay empty.
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
