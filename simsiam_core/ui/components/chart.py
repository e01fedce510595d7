"""The one bridge to plotly: a component that is updated in place, so that zoom and node survive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import gradio as gr

from simsiam_core.ui.components.scripts import plotly_script
from simsiam_core.ui.components.widget import widget

# The axis of an accuracy. A single point has plotly choose a range of two units around it; there is no −50 %.
ACCURACY: dict[str, Any] = {"tickformat": ".0%", "autorangeoptions": {"clipmin": 0, "clipmax": 1}}


def plotly_chart(elem_id: str, title: str, note: str = "", value: dict[str, Any] | None = None) -> gr.HTML:
    """A chart whose value is `figure(…)`; triggers `click` and `select` with the `ids` of the points.

    `title` and `note` (a reading aid) stand above it.
    """
    return widget("components/chart", elem_id, value, head=_plotly(), heading=title, note=note)


def plotly_map(
    elem_id: str,
    value: dict[str, Any],
    thumbnails: Callable[[dict[str, Any]], dict[str, str]],
    **options: Any,
) -> gr.HTML:
    """A map whose value is `map_view.geometry(…)`, with the props `paint` and `marks`.

    Triggers `click` with an `id`, `select` with `ids` and `frame` with a `name`. `thumbnails({**of,
    "ids": […]})` gives images as data URIs by id: that under the pointer, and those of points that are few enough.
    """
    parts: dict[str, Any] = {"head": _plotly(), "paint": {}, "marks": {}, "server_functions": [thumbnails]}
    return widget("look/map", elem_id, value, **parts, **options)


def _plotly() -> str:
    """What loads plotly into the page, once however many components ask for it."""
    path = plotly_script()
    gr.set_static_paths([path])
    return f'<script src="gradio_api/file={quote(path.as_posix())}"></script>'  # the program may lie in a folder "a#b"


def figure(
    traces: list[dict[str, Any]],
    layout: dict[str, Any] | None = None,
    *,
    revision: str = "",
    empty: str = "",
    linked: str = "",
) -> dict[str, Any]:
    """The value of a chart.

    Args:
        traces: plotly traces; `customdata` carries dataset ids where points can be clicked.
        layout: what differs from the page's own layout, which follows the theme.
        revision: zoom and hidden traces are kept as long as this stays the same.
        empty: the sentence shown while there are no traces.
        linked: charts of the same name here show values at the same x, and the runs (`meta`) that are isolated.

    """
    return {
        "data": traces,
        "layout": layout or {},
        "revision": revision,
        "empty": empty,
        "linked": linked,
    }
