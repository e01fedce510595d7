"""Maps as the `map` component takes them: geometry once, colours and marks as small messages."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from simsiam_core.features.escaping import plotly_text
from simsiam_core.features.maps import Facts, Map, Placement

PALETTE = (
    "#0f8b8d",
    "#ec9a29",
    "#8a5fbf",
    "#d1495b",
    "#3d8bd4",
    "#7a9e32",
    "#b0679b",
    "#8d6e4f",
    "#5a6b7b",
    "#e06fb0",
    "#45c4b0",
    "#b5651d",
    "#4b4fa8",
    "#f07f67",
    "#2f7d4f",
    "#c9b037",
    "#7fb7e6",
    "#9b2f5e",
    "#6b8e9e",
    "#a3c14a",
)
COLOURINGS = {
    "label": "Label",
    "prediction": "kNN prediction",
    "right": "Right or wrong",
    "confidence": "Vote confidence",
    "density": "Local density",
    "second": "Another network's prediction",
    "differ": "Where two networks disagree",
}
NEED_ANOTHER = ("second", "differ")
QUIET_COLOUR, ALARM_COLOUR = "#9fb4b8", "#d1495b"


def packed(values: np.ndarray, kind: type = np.float32) -> str:
    """Numbers as the component reads them: little-endian, in base64."""
    return base64.b64encode(np.ascontiguousarray(values, dtype=kind).tobytes()).decode()


def geometry(maps: Sequence[Map], names: Sequence[str], *, of: Any, key: str, note: str) -> dict[str, Any]:
    """The value of a map: one frame a map, all of the same points, the last one shown.

    What is long is one string each, because gradio copies every list, item by item, at every event of a page.

    `of` comes back with every request for a thumbnail; zoom is kept as long as `key` stays the same.
    """
    return {
        "ids": json.dumps(maps[0].ids),
        "frames": [
            {"name": name, "axes": [packed(m.coordinates[:, d]) for d in range(m.coordinates.shape[1])]}
            for m, name in zip(maps, names, strict=True)
        ],
        "of": of,
        "key": key,
        "note": note,
    }


def nothing(sentence: str) -> dict[str, Any]:
    """The value of a map that shows a sentence."""
    return {"empty": sentence, "key": ""}


def paint(drawn: Map, facts: Facts | None, by: str, second: np.ndarray | None = None) -> dict[str, Any]:
    """Colours of the points by one of `COLOURINGS`; by what there is where that is not there (yet).

    `second`: another network's predictions, int16 [N].
    """
    predictions = facts.predictions if facts else None
    if by == "right" and predictions is not None and drawn.labels is not None:
        return _two(predictions != drawn.labels, "right", "wrong")
    if by == "differ" and predictions is not None and second is not None:
        return _two(predictions != second, "agree", "disagree")
    chosen = {"label": drawn.labels, "prediction": predictions, "second": second}.get(by)
    if chosen is not None:
        colours = [PALETTE[i % len(PALETTE)] for i in range(len(drawn.classes))]
        return {"codes": packed(chosen, np.int16), "names": list(drawn.classes), "colours": colours}
    values = {"confidence": facts.confidence, "density": facts.density}.get(by) if facts else None
    if values is not None:
        low, high = np.quantile(values, (0.01, 0.99)).tolist()
        return {"values": packed(values), "title": COLOURINGS[by], "range": [low, max(high, low + 1e-6)]}
    return {}


def _two(flags: np.ndarray, no: str, yes: str) -> dict[str, Any]:
    """Points that stand out, and the others."""
    return {"codes": packed(flags, np.int16), "names": [no, yes], "colours": [QUIET_COLOUR, ALARM_COLOUR]}


def marks_of(placement: Placement, label: str, row: int | None = None) -> dict[str, Any]:
    """An image on the map (at one of its points if `row` is given) and lines to its true neighbours."""
    where: Any = placement.coordinates.tolist() if row is None else row
    return {
        "placed": [{"at": where, "label": plotly_text(label)}],
        "lines": [[where, other] for other in placement.rows],
    }


def unmarked() -> dict[str, Any]:
    """No image on the map; points that are chosen stay so."""
    return {"placed": [], "lines": []}


def selected(rows: Sequence[int]) -> dict[str, Any]:
    """Points that are chosen, as marks; an image that is placed stays so."""
    return {"selected": packed(np.asarray(rows), np.int32)}


def histogram(drawn: Map, rows: Sequence[int]) -> dict[str, Any]:
    """Classes of some points, the most frequent first, as the `vote` component shows them."""
    if drawn.labels is None or not rows:
        return {"votes": [], "note": ""}
    counts = np.bincount(drawn.labels[np.asarray(rows)], minlength=len(drawn.classes))
    order = [int(i) for i in counts.argsort()[::-1] if counts[i]]
    return {
        "title": "Classes of the points chosen:",
        "of": len(rows),
        "votes": [
            {"label": drawn.classes[i], "share": counts[i] / len(rows), "count": int(counts[i])}
            for i in order
        ],
        "note": "",
    }


def described(drawn: Map, *, finished: bool = True) -> str:
    """What the map shows, in a sentence."""
    name = {"pca": "PCA", "umap": "densMAP" if drawn.settings.dense else "UMAP"}[drawn.settings.method]
    took = "from the cache" if drawn.cached else f"drawn in {drawn.seconds:.1f} s"
    counted = f"{len(drawn.ids):,} of {drawn.total:,} {drawn.settings.split.partition(':')[0]} images"
    unseen = f" {drawn.unseen:,} classes have no point: the sample is smaller than their number." * bool(
        drawn.unseen
    )
    return f"{name}, {counted}, {took}.{unseen}" + ("" if finished else " UMAP follows …")
