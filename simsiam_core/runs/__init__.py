"""The run directory: one folder per run is the source of truth; only this package knows its file names."""

from simsiam_core.runs.choices import Choice, Choices
from simsiam_core.runs.collapse import Collapse
from simsiam_core.runs.collapse_reader import CollapseReader
from simsiam_core.runs.directory import BUNDLED, Checkpoint, RunDirectory, RunError
from simsiam_core.runs.metrics import MetricsReader, MetricsWriter, Recent
from simsiam_core.runs.notes import Notes
from simsiam_core.runs.origin import FIRST_STEP, Origin
from simsiam_core.runs.status import ACTIVE, Status
from simsiam_core.runs.statuses import Statuses, among
from simsiam_core.runs.store import RunStore

__all__ = [
    "ACTIVE",
    "BUNDLED",
    "FIRST_STEP",
    "Checkpoint",
    "Choice",
    "Choices",
    "Collapse",
    "CollapseReader",
    "MetricsReader",
    "MetricsWriter",
    "Notes",
    "Origin",
    "Recent",
    "RunDirectory",
    "RunError",
    "RunStore",
    "Status",
    "Statuses",
    "among",
]
