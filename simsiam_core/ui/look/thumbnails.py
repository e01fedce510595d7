"""Images of a map's points, as the map component asks for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simsiam_core.config import ConfigError
from simsiam_core.features import inspection
from simsiam_core.features.worker import WorkError
from simsiam_core.runs import RunError
from simsiam_core.ui.components import image_banks
from simsiam_core.ui.components.images import data_uri
from simsiam_core.ui.context import Context

SECONDS = 10
MOST = 200  # images at once

Thumbnails = Callable[[dict[str, Any]], dict[str, str]]


def thumbnails(context: Context) -> Thumbnails:
    """The function that a map calls: `thumbnails({run, split, ids})` gives data URIs by id, of those that are there."""

    def thumbnails(wanted: dict[str, Any]) -> dict[str, str]:
        try:
            run, split = context.store.get(str(wanted["run"])), image_banks.allowed(context, wanted["split"])
            ids = tuple(str(image_id) for image_id in wanted["ids"][:MOST])
            found = context.worker.submit(inspection.image_records, run.path, split, ids).result(SECONDS)
        except (WorkError, RunError, ConfigError, KeyError, TypeError, TimeoutError):
            return {}
        return {one.id: data_uri(one.pixels) for one in found}

    return thumbnails
