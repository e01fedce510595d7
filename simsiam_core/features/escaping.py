"""Names that other people chose (files, classes, runs) inside files that are given away: one function a format.

No name can then become markup, end a script or a cell, or vanish. Needs no torch.
"""

from __future__ import annotations

import csv
import html
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any

# What could end a script or open a comment in it, and the two line ends that older JavaScript knows beside "\n".
_IN_SCRIPT = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}
_IN_MARKDOWN = {ord(c): f"\\{c}" for c in "\\|`*_[]~"} | {
    ord("<"): "&lt;",
    ord(">"): "&gt;",
    ord("&"): "&amp;",
    ord("\n"): " ",
    ord("\r"): " ",
}
_IN_LATEX = {ord(c): f"\\{c}" for c in "&%_#${}"} | {
    ord("\\"): r"\textbackslash{}",
    ord("~"): r"\textasciitilde{}",
    ord("^"): r"\textasciicircum{}",
    ord("<"): r"\textless{}",
    ord(">"): r"\textgreater{}",
    ord("≈"): r"$\approx$",
    ord("±"): r"$\pm$",
    ord("–"): "--",
    ord("\n"): " ",
}


def html_text(text: str) -> str:
    """Return text for HTML or SVG, between tags or inside a quoted attribute."""
    return html.escape(text)


def script_json(value: Any) -> str:
    """Return a value as JSON that may stand inside a `<script>`: it holds no `<`, `>` or `&`."""
    return json.dumps(value).translate(_IN_SCRIPT)


def plotly_text(text: str) -> str:
    """Return text for plotly, which takes tags such as `<b>` for markup and drops those it does not know."""
    return html.escape(text, quote=False)


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table as CSV. Values stay exactly as they are, since programs look ids up by them.

    A spreadsheet takes a cell that begins with `=` for a formula: import such a file with its columns as text.
    """
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([header, *rows])
    return out.getvalue()


def markdown_text(text: str) -> str:
    """Return text for a cell of a pipe table."""
    return text.translate(_IN_MARKDOWN)


def latex_text(text: str) -> str:
    """Return text for LaTeX."""
    return text.translate(_IN_LATEX)
