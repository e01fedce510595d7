"""What a page shows of the runs, as its widgets are set: anybody may have sent it, so all of it is checked here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simsiam_core.ui.live.curves import XAxis

AXES: dict[XAxis, str] = {
    "step": "Step",
    "epoch": "Epoch",
    "minutes": "Minutes since the start",
    "images": "Images seen",
}
PAGE_ROWS = 50
MOST_FILTER = 300  # letters
MOST_SMOOTHING = 0.99
GROUPS = {
    "": "none",
    "group": "Group",
    "state": "State",
    "data": "Images",
    "backbone": "Backbone",
    "tags": "Tags",
}


@dataclass(frozen=True)
class ChartView:
    """How the charts are drawn: one for all of them."""

    axis: XAxis = "step"
    smoothing: float = 0.0
    log: bool = False
    core: bool = False  # without the outermost values
    start: float | None = None  # limits of the x axis
    end: float | None = None


@dataclass(frozen=True)
class ListView:
    """Which runs are listed, in which order, and from where on."""

    filter: str = ""
    sort: str = ""  # a column; empty for the newest first
    down: bool = False
    group: str = ""  # one of `GROUPS`
    first: int = 0
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class CompareView:
    """What the runs are compared by; empty for what suits them."""

    outcome: str = ""
    setting: str = ""


def chart_view(given: Mapping[str, Any]) -> ChartView:
    """Return the settings of the charts."""
    axis = _text(given.get("axis"))
    start, end = _number(given.get("start")), _number(given.get("end"))
    if start is not None and end is not None and start >= end:
        start = end = None
    return ChartView(
        axis=axis if axis in AXES else "step",
        smoothing=min(max(_number(given.get("smoothing")) or 0.0, 0.0), MOST_SMOOTHING),
        log=given.get("log") is True,
        core=given.get("core") is True,
        start=start,
        end=end,
    )


def list_view(given: Mapping[str, Any]) -> ListView:
    """Return the settings of the list."""
    asked = given.get("list")
    asked = asked if isinstance(asked, dict) else {}
    columns, group = asked.get("columns"), _text(asked.get("group"))
    first = _number(asked.get("first")) or 0.0
    return ListView(
        filter=_text(asked.get("filter"))[:MOST_FILTER].strip(),
        sort=_text(asked.get("sort")),
        down=asked.get("down") is True,
        group=group if group in GROUPS else "",
        first=max(0, min(int(first), 10**7) // PAGE_ROWS * PAGE_ROWS),
        columns=tuple(_text(name) for name in columns[:50]) if isinstance(columns, list) else (),
    )


def compare_view(given: Mapping[str, Any]) -> CompareView:
    """Return the settings of the comparison."""
    return CompareView(_text(given.get("outcome")), _text(given.get("setting")))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> float | None:
    """A finite number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
