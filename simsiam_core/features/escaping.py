"""Escaping of user-chosen names (files, classes, runs) in exported files: one function per format.

Prevents names from being read as markup, ending a script or table cell, or being dropped. Does not need
torch.
"""

from __future__ import annotations

import csv
import html
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any

# Characters that could end a script or open a comment, and two line terminators of older JavaScript.
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
    """Escape text for HTML or SVG, between tags or in a quoted attribute."""
    return html.escape(text)


def script_json(value: Any) -> str:
    """Return a value as JSON without `<`, `>` or `&`, safe inside a `<script>` element."""
    return json.dumps(value).translate(_IN_SCRIPT)


def plotly_text(text: str) -> str:
    """Escape text for plotly, which interprets tags such as `<b>` and drops unknown ones."""
    return html.escape(text, quote=False)


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table as CSV. Values are not altered, since programs use the ids as keys.

    Spreadsheets read a cell that begins with `=` as a formula: import such a file with text columns.
    """
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([header, *rows])
    return out.getvalue()


def markdown_text(text: str) -> str:
    """Escape text for a cell of a Markdown table."""
    return text.translate(_IN_MARKDOWN)


def latex_text(text: str) -> str:
    """Escape text for LaTeX."""
    return text.translate(_IN_LATEX)
