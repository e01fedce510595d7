"""A map as one HTML file that opens anywhere: plotly, points and thumbnails are inside it. Needs no gradio."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from PIL import Image

from simsiam_core.assets import asset_path
from simsiam_core.features.escaping import html_text, script_json
from simsiam_core.ui.components.scripts import plotly_script, script

THUMBNAIL = 32

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>
:root {{ --body-text-color: #1c2529; --body-text-color-subdued: #5d6b70; --border-color-primary: #dfe5e7;
  --color-accent: #0f7c7e; --background-fill-primary: #fff; --radius-md: 6px; }}
@media (prefers-color-scheme: dark) {{ :root {{ --body-text-color: #e7ecee; --body-text-color-subdued: #9aa8ad;
  --border-color-primary: #38464b; --color-accent: #3fb0ae; --background-fill-primary: #182125; }} }}
body {{ margin: 0 auto; max-width: 1200px; padding: 16px; font: 14px/1.45 system-ui, sans-serif;
  color: var(--body-text-color); background: var(--background-fill-primary); }}
h1 {{ font-size: 18px; margin: 0 0 6px; }}
{css}
.map-plot {{ height: min(76vh, 900px); }}
</style></head>
<body><h1>{title}</h1><div id="page"><div class="map"></div></div>
<script>{plotly}</script>
<script>
(() => {{
const element = document.getElementById("page");
const props = {props};
const watch = () => {{}};
const trigger = () => {{}};
{script}
}})();
</script></body></html>
"""


def map_file(
    title: str, value: dict[str, Any], paint: dict[str, Any], thumbnails: Sequence[np.ndarray] = ()
) -> bytes:
    """The file's content. `thumbnails`, uint8 [S, S, 3] in the order of the ids, are shown under the pointer."""
    whole = {"value": {**value, "atlas": _atlas(thumbnails) if len(thumbnails) else None}, "paint": paint}
    text = _PAGE.format(
        title=html_text(title),
        css=asset_path("ui", "look", "map.css").read_text(encoding="utf-8"),
        plotly=plotly_script().read_text(encoding="utf-8"),
        props=script_json(whole),  # class and file names are other people's text
        script=script("look/map"),
    )
    return text.encode()


def _atlas(thumbnails: Sequence[np.ndarray]) -> dict[str, Any]:
    """All thumbnails in one JPEG, row by row."""
    columns = math.ceil(math.sqrt(len(thumbnails)))
    rows = math.ceil(len(thumbnails) / columns)
    sheet = Image.new("RGB", (columns * THUMBNAIL, rows * THUMBNAIL))
    for index, pixels in enumerate(thumbnails):
        image = Image.fromarray(pixels).resize((THUMBNAIL, THUMBNAIL))
        sheet.paste(image, (index % columns * THUMBNAIL, index // columns * THUMBNAIL))
    buffer = io.BytesIO()
    sheet.save(buffer, format="jpeg", quality=80)
    source = "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
    return {"src": source, "columns": columns, "size": THUMBNAIL}


def animation(
    frames: Sequence[np.ndarray], colours: np.ndarray, *, side: int = 480, between: int = 8
) -> bytes:
    """A GIF of points [N, 2 or more] that move from frame to frame; `colours` uint8 [N, 3]."""
    low = np.min([frame[:, :2].min(axis=0) for frame in frames], axis=0)
    high = np.max([frame[:, :2].max(axis=0) for frame in frames], axis=0)
    scale = (side - 24) / max(float((high - low).max()), 1e-9)

    def image(points: np.ndarray) -> Image.Image:
        pixels = np.full((side, side, 3), 255, np.uint8)
        at = (12 + (points[:, :2] - low) * scale).astype(int)
        for dx in (0, 1):
            for dy in (0, 1):
                pixels[
                    np.clip(side - 1 - at[:, 1] + dy, 0, side - 1), np.clip(at[:, 0] + dx, 0, side - 1)
                ] = colours
        return Image.fromarray(pixels).quantize(64)

    shown, hold = [], []
    for before, after in pairwise(frames):
        for step in range(between):
            t = step / between
            shown.append(image(before + t * t * (3 - 2 * t) * (after - before)))
            hold.append(500 if step == 0 else 60)
    shown.append(image(frames[-1]))
    hold.append(1500)
    buffer = io.BytesIO()
    shown[0].save(buffer, format="gif", save_all=True, append_images=shown[1:], duration=hold, loop=0)
    return buffer.getvalue()
