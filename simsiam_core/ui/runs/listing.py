"""The list of runs as a page wants it: filtered, sorted, in groups, a page of rows at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from simsiam_core.ui.live.run_text import NO_RUNS, detail
from simsiam_core.ui.live.snapshot import Snapshot
from simsiam_core.ui.live.updates import AT_MOST, Part
from simsiam_core.ui.runs.columns import COLUMNS, NUMBERS, SHOWN, Row
from simsiam_core.ui.runs.filter import FilterError, read_filter
from simsiam_core.ui.runs.index import Known, RunIndex
from simsiam_core.ui.runs.view import GROUPS, PAGE_ROWS, ListView

LIST = "monitor-runs"  # the id of the list


@dataclass(frozen=True)
class Listing:
    """The runs that pass the filter, in order, of `total`; `problem` says what cannot be understood in it."""

    rows: Sequence[Row]
    total: int
    unread: int = 0  # runs whose settings are still being read
    problem: str = ""

    @property
    def ids(self) -> list[str]:
        """Of the runs that pass, as many as can be ticked."""
        return [row.id for row in self.rows[:AT_MOST]]


def listing(index: RunIndex, snapshot: Snapshot, view: ListView) -> Listing:
    """Filter and sort; made once for all pages that ask for the same."""
    key = ("listing", view.filter, view.sort, view.down, view.group)
    return snapshot.once(key, lambda: _listing(index.known(snapshot), view))


def _listing(known: Known, view: ListView) -> Listing:
    rows, unread = known.rows, known.unread
    try:
        wanted = read_filter(view.filter)
    except FilterError as error:
        return Listing(rows, len(rows), unread, str(error))
    found = wanted.of(rows)
    if view.sort in COLUMNS or view.sort == "name":
        found = _sorted(found, view.sort, view.down)
    if view.group:
        found.sort(key=lambda row: _group_of(row, view.group).lower() or "\uffff")
    return Listing(found, len(rows), unread)


def _sorted(rows: list[Row], key: str, down: bool) -> list[Row]:
    """By a column; runs without a value in it come last either way."""
    if key in NUMBERS or key == "created":
        having = [row for row in rows if key in row.numbers]
        missing = [row for row in rows if key not in row.numbers]
        return [*sorted(having, key=lambda row: row.numbers[key], reverse=down), *missing]
    texts = {row.id: row.name if key == "name" else row.cells.get(key, "") for row in rows}
    having = [row for row in rows if texts[row.id]]
    missing = [row for row in rows if not texts[row.id]]
    return [*sorted(having, key=lambda row: texts[row.id].lower(), reverse=down), *missing]


def _group_of(row: Row, group: str) -> str:
    """What a row is grouped by; of a state without its progress."""
    text = row.cells.get(group, "")
    return text.partition(" ")[0] if group == "state" else text


def list_part(index: RunIndex, snapshot: Snapshot, view: ListView) -> Part:
    """The rows of the page that is looked at, and what the controls of the list offer."""
    found = listing(index, snapshot, view)
    first = view.first if view.first < len(found.rows) else 0
    columns = [key for key in view.columns if key in COLUMNS] or list(SHOWN)
    shown = [index.written(snapshot, row) for row in found.rows[first : first + PAGE_ROWS]]
    lines = [_line(row, snapshot, columns, view.group) for row in shown]
    value = {
        "rows": lines,
        "first": first,
        "matching": len(found.rows),
        "total": found.total,
        "page": PAGE_ROWS,
        "note": _note(found),
        "problem": found.problem,
        "empty": NO_RUNS if not found.total else "",
        "columns": [
            {"key": key, "title": title, "number": key in NUMBERS, "shown": key in columns}
            for key, title in COLUMNS.items()
        ],
        "groups": list(GROUPS.items()),
    }
    return Part(LIST, value, lambda: value)


def _line(row: Row, snapshot: Snapshot, columns: Sequence[str], group: str) -> dict[str, Any]:
    status = snapshot.statuses[row.id]
    run = snapshot.by_id[row.id]
    return {
        "id": row.id,
        "name": row.name,
        "state": status.state,
        "active": status.active,
        "progress": round(status.progress, 4),
        "detail": detail(run, status, snapshot.recent[row.id]),
        "colour": snapshot.colours[row.id],
        "cells": {key: row.cells.get(key, "") for key in columns},
        "group": _group_of(row, group) if group else "",
    }


def _note(found: Listing) -> str:
    if not found.unread:
        return ""
    return f"The settings of {found.unread:,} runs are still being read; conditions on them find more in a moment."
