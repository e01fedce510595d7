"""Files a person takes away: a value for the `saver` widget, which has the browser download it."""

from __future__ import annotations

import base64
import io
import time
import zipfile
from collections.abc import Iterable, Sequence
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from simsiam_core.features.escaping import csv_text
from simsiam_core.ui.components.widget import widget


def saver(elem_id: str) -> gr.HTML:
    """An unseen component; giving it a `download(…)` makes the browser save that file."""
    return widget("components/download", elem_id, None)


def download(name: str, kind: str, content: bytes) -> dict[str, Any]:
    """A file of a media type; the same file twice is two downloads."""
    return {"name": name, "type": kind, "data": base64.b64encode(content).decode(), "at": time.time()}


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """CSV in UTF-8."""
    return csv_text(header, rows).encode("utf-8", "surrogateescape")


def images_zip(images: Iterable[tuple[str, np.ndarray]]) -> bytes:
    """PNG files by rank and id, from (id, uint8 [H, W, 3])."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for rank, (image_id, pixels) in enumerate(images, start=1):
            png = io.BytesIO()
            Image.fromarray(pixels).save(png, format="png")
            flat = "".join(c if c.isalnum() or c in "-." else "_" for c in image_id)
            archive.writestr(f"{rank:04d}-{flat}.png", png.getvalue())
    return buffer.getvalue()
