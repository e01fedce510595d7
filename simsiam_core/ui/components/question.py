"""What is asked about: an uploaded file or an image of the data set, the whole of it or a part."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import ListFiles

from simsiam_core.features.worker import WorkError
from simsiam_core.ui.components.widget import event_value, widget

MAX_UPLOAD_BYTES = 20 * 2**20


@dataclass(frozen=True)
class Query:
    """A file that was uploaded, or the id of an image; `region` is (left, top, side) in shares of the image."""

    file: Path | None = None
    id: str | None = None
    region: tuple[float, float, float] | None = None
    name: str = ""  # of the file, as the person calls it

    @property
    def title(self) -> str:
        """Whose question it is."""
        if self.region is None:
            return f"Your image {self.name}".strip() if self.file else str(self.id)
        return f"A part of your image {self.name}".strip() if self.file else f"A part of {self.id}"

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
    box = widget("components/image-upload", elem_id, limit=limit, **options)
    box.data_model = ListFiles  # gradio then takes nothing but files that were uploaded to it
    return box


def refusal() -> gr.HTML:
    """An unseen component; giving it a `refused(…)` has an upload box say so.

    The box itself is nobody's output: gradio makes anew what it updates, without what `upload_box` set on it.
    """
    return widget("components/refusal", "neighbours-refusal", None)


def refused(box: str, name: str) -> dict[str, Any]:
    """That a file was not taken; the same twice is told twice."""
    return {"box": box, "sentence": f"{name} was not taken.", "at": time.time()}


def query_by_id(event: gr.EventData) -> Query:
    """An id from the page; the worker answers one that is not in the data with a sentence."""
    return Query(id=str(event_value(event, "id")))


def query_by_region(now: Query | None, event: gr.EventData) -> Any:
    """The same image, of which a part was marked."""
    return replace(now, region=region_of(event_value(event, "region"))) if now else gr.skip()
