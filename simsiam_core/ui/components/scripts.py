"""The scripts of the page's own components, put together from assets/ui. Needs no gradio."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from simsiam_core.assets import asset_path


@cache
def script(name: str) -> str:
    """The text of `assets/ui/<name>.js`, after those that its first line names: `// include: shared/dom …`."""
    text = asset_path("ui", f"{name}.js").read_text(encoding="utf-8")
    included = re.match(r"// include: (.+)\n", text)
    if included is None:
        return text
    return "\n".join([*(script(other) for other in included[1].split()), text[included.end() :]])


@cache
def plotly_script() -> Path:
    """plotly.js out of the plotly wheel, found without importing plotly (which takes half a second)."""
    import importlib.util

    spec = importlib.util.find_spec("plotly")
    assert spec and spec.origin, "plotly is in requirements.txt"
    return Path(spec.origin).parent / "package_data" / "plotly.min.js"
