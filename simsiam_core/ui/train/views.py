"""What the network will be shown: images beside the augmented views of each, made by the worker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from simsiam_core.config import Config
from simsiam_core.features.worker import InspectionWorker, WorkError
from simsiam_core.ui.components.images import data_uri

IMAGES = 6
NOT_HERE = "Press Draw other views to see these images; they may have to be fetched or decoded first."


def previews(worker: InspectionWorker, config: Config, seed: int) -> Iterator[dict[str, Any]]:
    """Values for the widget `views`: what is being done, then the images or the sentence that says why not."""
    from simsiam_core.features import views  # brings torch, which the page must not wait for

    task = worker.submit(views.preview, config.model_dump(), IMAGES, seed)
    for fraction, text in task.watch(every=0.5):
        if fraction > 0:
            yield {"images": [], "note": f"{text} … {fraction:.0%}"}
    try:
        previewed = task.result()
    except WorkError as error:
        yield {"images": [], "note": str(error)}
        return
    yield {
        "images": [
            {
                "id": one.id,
                "original": data_uri(one.original),
                "views": [data_uri(view) for view in one.views],
            }
            for one in previewed
        ],
        "note": "",
    }
