"""Somebody's classes and files are called what HTML, scripts, tables and plotly have a meaning for."""

from __future__ import annotations

import csv
import html
import io
import json
import re

import numpy as np
import pytest

from simsiam_core.features.escaping import csv_text, latex_text, markdown_text, plotly_text, script_json
from simsiam_core.ui.components.download import table
from simsiam_core.ui.evaluate import report as evaluate_report
from simsiam_core.ui.look import canvas
from simsiam_core.ui.look.html_file import map_file

NAMES = [
    "<!--<script>", "</script>", "a\u2028b", "\"quoted\" 'twice'", "fish & chips", "{{braces}} {0} %s $x$",
    "=cmd|' /C calc'!A0", "🐈" * 3, "x" * 500, "<b>bold</b>", "a|b\nc", "~^_#\\ ]]>",
]  # fmt: skip


def test_an_exported_map_survives_them() -> None:
    """A class called `<!--<script>` made the page blank."""
    coordinates = np.zeros((len(NAMES), 2), np.float32)
    value = {
        "ids": json.dumps(NAMES),
        "frames": [{"name": NAMES[0], "axes": [canvas.packed(coordinates[:, d]) for d in (0, 1)]}],
        "note": NAMES[1],
        "key": "map",
    }
    paint = {
        "codes": canvas.packed(np.arange(len(NAMES)), np.int16),
        "names": NAMES,
        "colours": ["#000000"] * len(NAMES),
    }
    text = map_file(NAMES[0], value, paint).decode()
    props = re.search(r"const props = (.*);\n", text)
    assert props is not None
    assert not re.search(r"[<>&\u2028\u2029]", props[1])
    assert json.loads(props[1])["paint"]["names"] == NAMES
    assert json.loads(json.loads(props[1])["value"]["ids"]) == NAMES
    assert f"<title>{html.escape(NAMES[0])}</title>" in text


@pytest.mark.parametrize("name", NAMES)
def test_every_format_has_one_way(name: str) -> None:
    """Nothing a name holds ends a cell, opens a tag or is dropped; a CSV gives it back exactly."""
    assert json.loads(script_json([name])) == [name] and not set("<>&") & set(script_json(name))
    assert html.unescape(plotly_text(name)) == name and "<" not in plotly_text(name)
    assert list(csv.reader(io.StringIO(csv_text(["id"], [[name]]), newline="")))[1] == [name]
    assert table(["id"], [[name]]).decode() == csv_text(["id"], [[name]])
    cell = markdown_text(name)
    assert "\n" not in cell and "<" not in cell and not re.search(r"(?<!\\)\|", cell)
    assert not re.search(r"(?<!\\)[%&#_]", latex_text(name))


def test_charts_take_no_name_for_markup() -> None:
    """Plotly drops tags that it does not know, and with them the name; classes 01 and 1 became one number."""
    names = [*NAMES, "1", "01"]
    counts = np.eye(len(names), dtype=int).tolist()
    details = {"classes": names, "per_class": [1.0] * len(names), "confusion": counts}
    result = {"id": "x", "kind": "knn", "details": details}
    for made in (evaluate_report.per_class(result), evaluate_report.confusion(result)):
        (trace,) = made["data"]
        assert made["layout"]["yaxis"]["type"] == "category"
        assert len(set(trace["y"])) == len(names)
        assert not any("<" in name for name in trace["y"])
        assert max(len(html.unescape(name)) for name in trace["y"]) <= evaluate_report.NAME_SHOWN


def test_an_image_on_the_map_is_called_what_it_is_called() -> None:
    """Its id stands beside it as plotly's text."""
    placement = canvas.Placement(np.zeros(2, np.float32), ("a",), (0,), (1.0,), "", 0.0)
    (placed,) = canvas.marks_of(placement, "<b>x</b>/1.png")["placed"]
    assert placed["label"] == "&lt;b&gt;x&lt;/b&gt;/1.png"
