"""What is asked about: an uploaded file or an image of the data set, the whole of it or a part."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import ListFiles

from simsiam_core.features.worker import WorkError
from simsiam_core.ui.widgets import told, widget

MAX_UPLOAD_BYTES = 20 * 2**20


@dataclass(frozen=True)
class Query:
    """A file that was uploaded, or the id of an image; `region` is (left, top, side) in shares of the image."""

    file: Path | None = None
    id: str | None = None
    region: tuple[float, float, float] | None = None

    def content(self) -> bytes | str:
        """As the worker takes it; the bytes are decoded there, never here. Raises WorkError."""
        try:
            return self.file.read_bytes() if self.file else self.id or ""
        except OSError:
            raise WorkError(
                "The uploaded image is no longer here: uploads are kept for a day. Upload it again."
            ) from None


def region_of(value: object) -> tuple[float, float, float] | None:
    """A region as the page sends it; None for anything that is none. The worker checks its limits."""
    if isinstance(value, list | tuple) and len(value) == 3 and all(isinstance(v, int | float) for v in value):
        left, top, side = (round(float(v), 4) for v in value)
        return left, top, side
    return None


def upload_box(elem_id: str, limit: int = MAX_UPLOAD_BYTES, **options: Any) -> gr.HTML:
    """Takes files, dropped, chosen or pasted; triggers `upload` with a `ListFiles`."""
    box = widget("image-upload", elem_id, limit=limit, **options)
    box.data_model = ListFiles  # gradio then takes nothing but files that were uploaded to it
    return box


def query_by_id(event: gr.EventData) -> Query:
    """An id from the page; the worker answers one that is not in the data with a sentence."""
    return Query(id=str(told(event, "id")))


def query_by_region(now: Query | None, event: gr.EventData) -> Any:
    """The same image, of which a part was marked."""
    return Query(now.file, now.id, region_of(told(event, "region"))) if now else gr.skip()
