"""The program lies in a folder with an odd name."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from simsiam_core.ui.components import chart


@pytest.mark.parametrize("name", ["a#b", 'a"b', "a'b", "a b", "a%20b", "a&b", "a?b", "ü", "<b>"])
def test_the_charts_script_is_found(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clone path with # or a quotation mark: no charts."""
    script = tmp_path / name / "plotly.min.js"
    monkeypatch.setattr(chart, "plotly_script", lambda: script)
    found = re.fullmatch(r'<script src="gradio_api/file=([^"#?&<> ]*)"></script>', chart._plotly())
    assert found
    assert unquote(found[1]) == script.as_posix()
