"""Every figure in one table on the page, published ones beside ours, and the same as files."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simsiam_core.evaluation.results import COLUMNS, FORMATS, Row, cells, table
from simsiam_core.runs import RunDirectory
from simsiam_core.ui.components.table import rows
from simsiam_core.ui.text import run_name


def listed(runs: Sequence[RunDirectory]) -> dict[str, Any]:
    """The value of the table; what was published elsewhere is grey and last."""
    titles = {"name": "Network", "epoch": "Epochs", "data": "Images"}
    titles |= {key: column.title for key, column in COLUMNS.items()} | {"stamp": "Settings"}
    found, lines = table(runs), []
    for index, line in enumerate(cells(found)):
        ours = index < len(found)
        if ours and len(found[index].runs) == 1 and line[0] == found[index].runs[0]:
            line = [run_name(line[0]), *line[1:]]
        sort = _ranks(found[index]) if ours else _published_ranks(line)
        named = dict(zip(titles, line, strict=True))
        lines.append({"id": str(index), "cells": named, "sort": sort, "muted": not ours})
    return rows(titles, lines, numbers=("epoch", *COLUMNS))


def written(runs: Sequence[RunDirectory], format: str) -> str:
    """The table as a file in a folder of its own, for the browser to fetch; returns its path."""
    path = Path(tempfile.mkdtemp()) / f"results.{FORMATS[format].suffix}"
    path.write_text(FORMATS[format].write(table(runs)), encoding="utf-8")
    return str(path)


def _ranks(row: Row) -> dict[str, float]:
    return {key: figure.value for key, figure in row.figures.items()} | {"epoch": row.epoch}


def _published_ranks(line: Sequence[str]) -> dict[str, float]:
    """The numbers behind texts such as "≈90 %"."""
    ranks = {
        key: float(text) / 100
        for key, cell in zip(COLUMNS, line[3:], strict=False)
        if (text := cell.strip("≈ %"))
    }
    return ranks | ({"epoch": int(line[1])} if line[1].isdigit() else {})
