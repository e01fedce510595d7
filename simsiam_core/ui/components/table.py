"""Tables on the page: sorted and filtered in the browser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from simsiam_core.ui.components.widget import widget


def table(elem_id: str, value: dict[str, Any] | None = None) -> gr.HTML:
    """A table whose value is `rows(…)`; triggers `select` with a row's `id`, and `input` from a tick box."""
    return widget("components/table", elem_id, value or rows({}, []))


def rows(
    columns: Mapping[str, str],
    lines: Sequence[dict[str, Any]],
    *,
    numbers: Sequence[str] = (),
    choose: bool = False,
    empty: str = "",
) -> dict[str, Any]:
    """The value of a table: `columns` from key to title; each line has `id`, `cells` and, to sort by, `sort`."""
    heads = [{"key": key, "title": title, "number": key in numbers} for key, title in columns.items()]
    return {"columns": heads, "rows": list(lines), "choose": choose, "empty": empty}
