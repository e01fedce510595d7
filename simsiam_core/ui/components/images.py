"""Images on the page: as data URIs, in galleries, beside their augmented views."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from simsiam_core.ui.components.widget import widget


def data_uri(pixels: np.ndarray) -> str:
    """An image, uint8 [H, W, 3], as a PNG inside its own address."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="png", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def card(
    id: str,
    pixels: np.ndarray,
    label: str | None,
    *,
    similarity: float | None = None,
    agrees: bool | None = None,
) -> dict[str, Any]:
    """One card of a gallery. `agrees`: whether its class is the one the vote chose."""
    return {"id": id, "src": data_uri(pixels), "label": label, "similarity": similarity, "agrees": agrees}


def gallery(
    cards: Sequence[dict[str, Any]], *, note: str = "", empty: str = "", size: int = 104
) -> dict[str, Any]:
    """The value of a gallery: `note` stands above the cards, `empty` where there are none; `size` in px."""
    return {"cards": list(cards), "note": note, "empty": empty, "size": size}


def card_gallery(elem_id: str, value: dict[str, Any] | None = None, **options: Any) -> gr.HTML:
    """A gallery whose value is `gallery(…)`; triggers `click` with the `id` of a card."""
    return widget("components/images", elem_id, value or gallery([]), **options)
