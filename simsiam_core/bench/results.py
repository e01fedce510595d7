"""Results of a long measurement in a file, from which it goes on after an interruption."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from simsiam_core.runs.files import write_text


class Results:
    """Rows of results by key, in a JSON file that is written with every row, or in memory without one."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.rows: dict[str, dict[str, Any]] = {}
        if path is not None and path.exists():
            self.rows = json.loads(path.read_text(encoding="utf-8"))

    def add(self, key: str, row: dict[str, Any]) -> None:
        """Keep a row, and write the file."""
        self.rows[key] = row
        if self._path is not None:
            write_text(self._path, json.dumps(self.rows, indent=1))
