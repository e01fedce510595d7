"""The images behind a cell of a confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from simsiam_core.features.inspection import ImageRecord
from simsiam_core.runs import RunDirectory

if TYPE_CHECKING:
    from simsiam_core.data import Progress


def confused(
    run_path: Path,
    predicted: Sequence[int],
    true: int,
    found: int,
    count: int,
    progress: Progress | None = None,
) -> tuple[int, tuple[ImageRecord, ...]]:
    """Return how many test images of class `true` were classified as `found`, and the first `count` of them."""
    from simsiam_core.features import loaded

    images = loaded.split(RunDirectory(run_path).config().data, "test", progress)
    labels = images.labels.tolist() if images.labels is not None else []
    pairs = enumerate(zip(labels, predicted, strict=False))
    rows = [row for row, pair in pairs if pair == (true, found)]
    records = tuple(
        ImageRecord(images.ids[row], images.classes[true], images.images[row].permute(1, 2, 0).numpy().copy())
        for row in rows[:count]
    )
    return len(rows), records
