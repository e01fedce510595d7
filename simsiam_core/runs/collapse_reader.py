"""Collapse states of many runs: from their statuses, or computed from their metrics."""

from __future__ import annotations

import threading
from pathlib import Path

from simsiam_core.runs.collapse import Collapse, CollapseJudge
from simsiam_core.runs.directory import RunDirectory
from simsiam_core.runs.metrics import MetricsReader
from simsiam_core.runs.status import Status


class CollapseReader:
    """A reader to be polled for collapse states; it reads only the lines added to a metrics file."""

    def __init__(self) -> None:
        self._records: dict[Path, _JudgedRecord] = {}
        self._lock = threading.Lock()

    def read(self, run: RunDirectory, status: Status) -> Collapse | None:
        """Return the collapse state from the run's status, or else from its metrics; None before any step."""
        with self._lock:
            if status.collapse is not None:
                self._records.pop(run.path, None)
                return status.collapse
            record = self._records.setdefault(run.path, _JudgedRecord(run.metrics_path))
            return record.judgement()


class _JudgedRecord:
    """An incremental reader of one run's metrics with its collapse judge."""

    def __init__(self, path: Path) -> None:
        self._reader, self._judge, self._rewinds = MetricsReader(path), CollapseJudge(), 0

    def judgement(self) -> Collapse | None:
        lines = self._reader.poll()
        if self._reader.rewinds != self._rewinds:  # a resumed run was rewound to its checkpoint
            self._judge, self._rewinds = CollapseJudge(), self._reader.rewinds
        self._judge.observe(lines)
        return self._judge.judgement
